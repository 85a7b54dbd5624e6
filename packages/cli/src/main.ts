/** The `saddle` command. */
import { Command, CommanderError } from 'commander'
import { isInputError, UsageError } from './errors.ts'
import { GateFailed, Interrupted } from './outcome.ts'
import { versions } from './versions.ts'

/** Loaded when they are called: each brings its own heavy modules. */
const commands: Record<string, () => Promise<(program: Command) => void>> = {
  evaluate: async () => (await import('./commands/evaluate.ts')).evaluateCommand,
  attack: async () => (await import('./commands/attack.ts')).attackCommand,
  universal: async () => (await import('./commands/universal.ts')).universalCommand,
  attacks: async () => (await import('./commands/attacks.ts')).attacksCommand,
  explain: async () => (await import('./commands/explain.ts')).explainCommand,
  inspect: async () => (await import('./commands/inspect.ts')).inspectCommand,
  grad: async () => (await import('./commands/grad.ts')).gradCommand,
  falsify: async () => (await import('./commands/falsify.ts')).falsifyCommand,
  train: async () => (await import('./commands/train.ts')).trainCommand,
  detect: async () => (await import('./commands/detect.ts')).detectCommand,
  guard: async () => (await import('./commands/guard.ts')).guardCommand,
  transfer: async () => (await import('./commands/transfer.ts')).transferCommand,
  recipe: async () => (await import('./commands/recipe.ts')).recipeCommand,
  certify: async () => (await import('./commands/certify.ts')).certifyCommand,
  data: async () => (await import('./commands/data.ts')).dataCommand,
}

const program = new Command('saddle')
  .description('Attack, defend, explain and measure neural networks given as ONNX files.')
  .version(versions()['saddlepoint']!)
  .showHelpAfterError('(saddle --help shows what there is)')
  .exitOverride()
  .configureHelp({ sortOptions: false })

const called = Object.hasOwn(commands, process.argv[2] ?? '') ? [process.argv[2]!] : Object.keys(commands)
const wanted = await Promise.all(called.map((name) => commands[name]!()))
for (const register of wanted) register(program)
for (const command of program.commands) command.exitOverride()

const say = (text: string) => process.stderr.write(`${text}\n`)

// Whoever reads may stop reading, as `head` does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') process.exitCode = report(error)
  process.exit()
})
process.on('unhandledRejection', (error) => process.exit(report(error as Error)))
process.on('uncaughtException', (error) => process.exit(report(error)))

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = report(error as Error)
}

/** Says what went wrong in one line and gives the exit code. */
function report(thrown: unknown): number {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown))
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  if (error instanceof GateFailed || error instanceof Interrupted) {
    say(error.message)
    return error.exitCode
  }
  const debug = process.argv.includes('--debug')
  const hint = error instanceof UsageError && error.hint ? ` (${error.hint})` : ''
  say(`error: ${oneLine(error.message)}${hint}`)
  if (debug) say(String((error.cause as Error | undefined)?.stack ?? error.stack))
  else if (!isInputError(error)) say('(--debug shows where this came from)')
  return 2
}

function oneLine(message: string): string {
  return message.trim().replaceAll(/\s*\n\s*/g, ' ')
}
