#!/usr/bin/env node
/** Checks that what `npm pack` would publish can be imported and typed: publint and attw on every package. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const packages = readdirSync('packages').map((name) => join('packages', name))
const scratch = mkdtempSync(join(tmpdir(), 'packages-'))
const run = (command, ...args) =>
  execFileSync('npx', ['--no-install', command, ...args], { stdio: 'inherit' })

try {
  for (const folder of packages) {
    const packed = execFileSync('npm', ['pack', '--silent', '--pack-destination', scratch], {
      cwd: folder,
      encoding: 'utf8',
    })
    const file = join(scratch, packed.trim().split('\n').at(-1))
    console.log(`\n${folder}`)
    run('publint', file, '--strict')
    // The command has no types to offer; the others are ES modules only, as their engines field says.
    if (!folder.endsWith('cli')) run('attw', file, '--profile', 'esm-only')
  }
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
