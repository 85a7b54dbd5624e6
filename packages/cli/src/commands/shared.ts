/** Flags that several commands share, and the way they speak. */
import type { Engine } from '@saddlepoint/autodiff'
import { Option, type Command } from 'commander'
import { parseFraction } from 'saddlepoint'
import { UsageError } from '../errors.ts'

/** A number or fraction such as 8/255. */
export function number(text: string): number {
  const value = parseFraction(text)
  if (value === undefined) throw new UsageError(`"${text}" is not a number`, { hint: 'write 0.03 or 8/255' })
  return value
}

export function integer(text: string): number {
  const value = number(text)
  if (!Number.isInteger(value)) throw new UsageError(`"${text}" is not a whole number`)
  return value
}

/** A whole number of at least one. */
export function count(text: string): number {
  const value = integer(text)
  if (value < 1) throw new UsageError(`"${text}" is not a number of at least 1`)
  return value
}

/** Numbers separated by commas or spaces. */
export const numbers = (text: string): number[] => list(text).map(number)
export const list = (text: string): string[] => text.split(/[\s,]+/).filter(Boolean)

/** `Sign=straight-through,conv3/Round=identity`, by operator or node. */
function backwardRules(text: string): Record<string, 'straight-through'> {
  const entries = list(text).map((pair) => {
    // Names of nodes may hold anything but commas and spaces.
    const at = pair.lastIndexOf('=')
    const rule = pair.slice(at + 1)
    if (at < 1 || !['straight-through', 'identity'].includes(rule))
      throw new UsageError(`--bpda ${pair} is not written NAME=straight-through`, {
        hint: 'NAME is a kind of operator (Round) or a node; saddle inspect lists both',
      })
    return [pair.slice(0, at), 'straight-through'] as const
  })
  return Object.fromEntries(entries)
}

export interface CommonFlags {
  json?: boolean
  quiet?: boolean
  debug?: boolean
  seed: number
}
export interface ModelFlags {
  inputRange?: string
  mean?: number[]
  std?: number[]
  bgr?: boolean
  layout?: 'nchw' | 'nhwc'
  resize?: string
  crop?: string
  labelOffset?: number
  labels?: string
  batch?: number
  provider: Engine['provider']
  threads?: number
  workers?: number
  inputShape?: number[]
  bpda?: Record<string, 'straight-through'>
  skipGradient?: number
}
export interface TargetFlags {
  allowHost?: string
  queryBudget?: number
}
export interface DataFlags {
  data?: string
  limit?: number
  offset?: number
  split?: 'train' | 'test'
  /** No flag: whether data without a split may stand for that of training. */
  orWhole?: boolean
  shuffle?: boolean
}

export function commonFlags(command: Command): Command {
  return command
    .option('--json', 'print one JSON object on standard output and nothing else there')
    .option('--seed <n>', 'seed of all randomness', integer, 0)
    .option('--quiet', 'no progress and no messages')
    .option('--debug', 'show where an error came from')
}

export function modelFlags(command: Command): Command {
  return command
    .option('--input-range <low..high>', 'values the model expects for black and white: 0..1, 0..255, -1..1')
    .option('--mean <values>', 'subtracted per channel, in units of the input range', numbers)
    .option('--std <values>', 'divided by per channel', numbers)
    .option('--bgr', 'the model wants blue, green, red')
    .addOption(new Option('--layout <layout>', "the model's order of axes").choices(['nchw', 'nhwc']))
    .option('--resize <n|WxH>', 'shorter side of the picture, or its exact size, before the crop')
    .option('--crop <n|WxH>', 'centre crop before the attack')
    .option('--label-offset <n>', "added to a data label to get the model's output index", integer)
    .option('--labels <file>', 'names of the classes (JSON or one a line)')
    .option('--input-shape <sizes>', 'shape of one sample where the model leaves it open', numbers)
    .option(
      '--skip-gradient <gamma>',
      'what the gradient of residual branches is multiplied by, so that it prefers skip connections; of the substitutes where there are any',
      number,
    )
    .option(
      '--bpda <rules>',
      'backward rules in place of the exact ones (BPDA): Round=straight-through, by kind of operator or name of a node',
      backwardRules,
    )
    .option('--batch <n>', 'samples at a time', count)
    .addOption(
      new Option('--provider <name>', 'what runs the model')
        .choices(['cpu', 'webgpu', 'cuda', 'coreml', 'dml'])
        .default('cpu'),
    )
    .option('--threads <n>', 'threads inside one session', count)
    .option('--workers <n>', 'worker threads, each with a session', count)
}

export function targetFlags(command: Command): Command {
  return command
    .option('--allow-host <names>', 'hosts that an HTTP target may be on besides this machine')
    .option('--query-budget <n>', 'samples that an HTTP target may be asked for in all', count)
}

export function dataFlags(command: Command): Command {
  return command
    .option('--data <path|name>', 'pictures, arrays, tables, or a built-in set (saddle data lists them)')
    .option('--limit <n>', 'samples to use at most', count)
    .option('--offset <n>', 'samples to leave out at the front', integer)
    .addOption(new Option('--split <split>', 'part of the data').choices(['train', 'test']))
    .option('--shuffle', 'draw the samples in an order given by the seed')
}

/** Where messages for a person go. */
export interface Talk {
  say(message: string): void
  warn(message: string): void
}
export function talk({ quiet }: CommonFlags): Talk {
  const print = (prefix: string) => (message: string) => {
    if (!quiet) process.stderr.write(`${prefix}${message}\n`)
  }
  return { say: print(''), warn: print('! ') }
}

/** The one thing that `--json` puts on standard output. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}

/** Aborts at the first Ctrl-C, after `what` is done; the second one ends the process. */
export function stopOnCtrlC(say: (message: string) => void, what = 'the steps in progress'): AbortSignal {
  const controller = new AbortController()
  process.once('SIGINT', () => {
    say(`\nstopping after ${what}; press Ctrl-C again to stop at once`)
    controller.abort()
    process.once('SIGINT', () => process.exit(130))
  })
  return controller.signal
}
