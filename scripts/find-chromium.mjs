/**
 * Finds a Chromium for the browser tests, or installs one: Debian's package as root, else Playwright's own download.
 * Run as a program it prints the path.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { argv, env, getuid, platform } from 'node:process'
import { fileURLToPath } from 'node:url'

/**
 * The executable's path, or undefined with a loud reason. SADDLE_NO_INSTALL=1 forbids installing.
 *
 * @returns {string | undefined}
 */
export function findChromium() {
  const found = known()
  if (found || env.SADDLE_NO_INSTALL)
    return found ?? skipped('there is none, and SADDLE_NO_INSTALL forbids to install one')
  const problem = install()
  return known() ?? skipped(problem)
}

/**
 * The variables under which a Vulkan program runs on SwiftShader, the software device that comes with Chromium, or
 * undefined with a loud reason. They must be set before the process starts.
 *
 * @returns {Record<string, string> | undefined}
 */
export function softwareVulkan(chromium = findChromium()) {
  const folders = ['/usr/lib/chromium', '/usr/lib/chromium-browser', '/opt/google/chrome']
  if (chromium) folders.unshift(dirname(realpathSync(chromium)))
  const folder = folders.find((f) => existsSync(join(f, 'vk_swiftshader_icd.json')))
  if (!folder) {
    console.warn(
      'SKIPPED: no software Vulkan (vk_swiftshader_icd.json beside Chromium); WebGPU in Node.js is not tested',
    )
    return undefined
  }
  const device = join(folder, 'vk_swiftshader_icd.json')
  // Chromium brings the Vulkan loader too, for machines that have none.
  const libraries = [folder, env.LD_LIBRARY_PATH].filter(Boolean).join(':')
  return { VK_ICD_FILENAMES: device, VK_DRIVER_FILES: device, LD_LIBRARY_PATH: libraries }
}

function known() {
  const places = [
    env.CHROMIUM_PATH,
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome',
    playwrights(),
  ]
  return places.find((path) => path && existsSync(path))
}

function playwrights() {
  try {
    return createRequire(import.meta.url)('playwright').chromium.executablePath()
  } catch {
    return undefined
  }
}

/** Why nothing was installed, in words; empty where something was. */
function install() {
  const debian = platform === 'linux' && getuid?.() === 0 && onPath('apt-get')
  const commands = debian
    ? [
        ['apt-get', ['update', '-qq']],
        [
          'apt-get',
          ['install', '-y', '-qq', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=120', 'chromium'],
        ],
      ]
    : [['npx', ['playwright', 'install', 'chromium']]]
  for (const [command, parameters] of commands) {
    console.warn(`installing Chromium for the browser tests: ${command} ${parameters.join(' ')}`)
    const { status, stderr, error } = spawnSync(command, parameters, { encoding: 'utf8', timeout: 300_000 })
    if (status !== 0 && parameters[0] !== 'update')
      return `${command} failed: ${error?.message ?? stderr.trim().split('\n').at(-1)}`
  }
  return 'it was installed, but is not where it should be'
}

function onPath(program) {
  return (env.PATH ?? '')
    .split(':')
    .some((folder) => folder && existsSync(folder) && readdirSync(folder).includes(program))
}

function skipped(reason) {
  console.warn(`SKIPPED: browser tests need Chromium: ${reason}; install it or set CHROMIUM_PATH`)
  return undefined
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  const path = findChromium()
  if (path) console.log(path)
  else process.exitCode = 1
}
