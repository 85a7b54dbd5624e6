/** Makes bench/peers/.venv and installs requirements.txt into it (on Linux about 5 GB: PyPI's torch carries CUDA). */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { python } from './peer.mjs'

const here = import.meta.dirname
const requirements = join(here, 'requirements.txt')
const run = (command, ...args) => execFileSync(command, args, { stdio: 'inherit' })
const install = (...args) => run(python, '-m', 'pip', 'install', '--quiet', ...args)

if (!existsSync(python)) run(process.env['PYTHON'] ?? 'python3', '-m', 'venv', join(here, '.venv'))
// A build in isolation would take the newest setuptools, with which visdom does not build.
const [setuptools] = readFileSync(requirements, 'utf8').match(/^setuptools==.+$/m)
install(setuptools, 'wheel')
install('--no-build-isolation', '-r', requirements)
run(
  python,
  '-c',
  'import adv_lib, art, foolbox, onnx, pyautoattack, torch, torchattacks; print("torch", torch.__version__, "onnx", onnx.__version__)',
)
console.log('The authors’ auto-attack is not on PyPI; pyautoattack, a copy of it, stands in.')
