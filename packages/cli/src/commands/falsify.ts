/** `saddle falsify`: a search for a counterexample to a VNN-LIB specification. */
import { load, type Model } from '@saddlepoint/autodiff'
import type { Command } from 'commander'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'
import { falsify, formatWitness, parseVnnlib, type Falsification, type Specification } from 'saddlepoint'
import { writeFileAtomic } from '../data/write-file.ts'
import { fromSystemError, UsageError } from '../errors.ts'
import { commonFlags, count, number, type CommonFlags } from './shared.ts'

interface Flags extends CommonFlags {
  timeout: number
  output?: string
  workers?: number
}

export function falsifyCommand(program: Command): void {
  const command = program
    .command('falsify')
    .description('search for a counterexample to a specification')
    .argument('<model>', 'ONNX file (.onnx or .onnx.gz)')
    .argument('<specification>', 'VNN-LIB 1.0 file (.vnnlib or .vnnlib.gz)')
    .option('--timeout <seconds>', 'give up so long after the start of the command', seconds, 60)
    .option('--workers <n>', 'worker threads, each with a session', count)
    .option('-o, --output <file>', 'a file for what standard output shows')
    .addHelpText(
      'after',
      `
The first line on standard output is sat, with a counterexample after it as VNN-COMP writes it, or unknown: nothing
found, which proves nothing. A counterexample is one when the untouched file, run on the printed numbers, says so;
ties count. The exit code is 0 for both.`,
    )
  commonFlags(command).action(async (modelPath: string, specificationPath: string, flags: Flags) => {
    const specification = await openSpecification(specificationPath)
    const model = await open(modelPath)
    const found = await falsify(model, specification, {
      // The clock runs from the start of the process.
      timeoutSeconds: flags.timeout - performance.now() / 1000,
      seed: flags.seed,
      workers: flags.workers,
    }).catch((error: Error) => {
      throw new UsageError(`${modelPath} and ${specificationPath}: ${error.message}`, { cause: error })
    })
    const { witness } = found
    const text = flags.json
      ? `${JSON.stringify(json(modelPath, specificationPath, flags, found))}\n`
      : witness
        ? `sat\n${formatWitness(witness)}\n`
        : 'unknown\n'
    if (flags.output) await writeFileAtomic(flags.output, text)
    process.stdout.write(text)
    if (!flags.quiet) process.stderr.write(`${summary(found, specification)}\n`)
  })
}

function seconds(text: string): number {
  const value = number(text)
  if (!(value > 0)) throw new UsageError(`"${text}" is not a number of seconds above 0`)
  return value
}

async function openSpecification(path: string): Promise<Specification> {
  try {
    return parseVnnlib((await bytesOf(path)).toString('utf8'))
  } catch (error) {
    if ((error as Error).name !== 'SpecificationError') throw error
    throw new UsageError(`${path}: ${(error as Error).message}`, { cause: error })
  }
}

async function bytesOf(path: string): Promise<Buffer> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw fromSystemError(error, `read ${path}`)
  })
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes
  try {
    return gunzipSync(bytes)
  } catch (cause) {
    throw new UsageError(`${path}: not a whole gzip archive: ${(cause as Error).message}`, { cause })
  }
}

async function open(path: string): Promise<Model> {
  if (!existsSync(path)) throw new UsageError(`${path}: no such model file`)
  return load(path).catch((error: Error) => {
    throw fromSystemError(error, `read ${path}`) === error
      ? new UsageError(`${path}: ${error.message}`, { cause: error })
      : fromSystemError(error, `read ${path}`)
  })
}

function json(model: string, specification: string, flags: Flags, found: Falsification) {
  const { witness, gradients, margins } = found
  return {
    verdict: witness ? 'sat' : 'unknown',
    model,
    specification,
    seed: flags.seed,
    seconds: performance.now() / 1000,
    gradients,
    margins: margins.map((m) => (Number.isFinite(m) ? m : null)),
    ...(witness && {
      disjunct: witness.disjunct,
      margin: witness.margin,
      inputs: witness.inputs.map(Number),
      outputs: witness.outputs.map(Number),
    }),
  }
}

function summary({ witness, gradients, margins }: Falsification, { disjuncts }: Specification): string {
  const time = `${(performance.now() / 1000).toFixed(2)} s, ${gradients} gradients`
  if (!disjuncts.length) return 'the specification contradicts itself: nothing to search for'
  if (witness)
    return `disjunct ${witness.disjunct + 1} of ${disjuncts.length} holds on the untouched model with margin ${(-witness.margin).toPrecision(3)} (${time})`
  const least = margins.reduce((a, b) => Math.min(a, b), Infinity)
  if (!gradients) return `nothing found (${time}): the time was over before the search could begin`
  return `nothing found (${time}); the closest point misses by ${least.toPrecision(3)}`
}
