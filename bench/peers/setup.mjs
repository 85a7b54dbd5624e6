/** Makes bench/peers/.venv and installs requirements.txt into it (on Linux about 5 GB: PyPI's torch carries CUDA). */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { python } from './peer.mjs'

const here = import.meta.dirname
const run = (command, ...args) => execFileSync(command, args, { stdio: 'inherit' })

if (!existsSync(python)) run(process.env['PYTHON'] ?? 'python3', '-m', 'venv', join(here, '.venv'))
run(python, '-m', 'pip', 'install', '--quiet', '-r', join(here, 'requirements.txt'))
run(python, '-c', 'import torch, onnx; print("torch", torch.__version__, "onnx", onnx.__version__)')
