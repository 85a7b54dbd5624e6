/** A Python process that does one thing at a time: a JSON line in, a JSON line out. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export const python = join(
  import.meta.dirname,
  '.venv',
  process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python',
)

export class Peer {
  /** @param {string} script in this folder */
  constructor(script) {
    if (!existsSync(python)) throw new Error('bench/peers/.venv is missing: run node bench/peers/setup.mjs')
    this.child = spawn(python, ['-u', join(import.meta.dirname, script)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]()
  }

  async ask(request) {
    this.child.stdin.write(`${JSON.stringify(request)}\n`)
    const { value, done } = await this.lines.next()
    if (done) throw new Error('the Python process ended')
    const answer = JSON.parse(value)
    if (answer.error) throw new Error(`Python: ${answer.error}`)
    return answer
  }

  close() {
    this.child.stdin.end()
  }
}
