/** The `saddle` command. */
import { Command, CommanderError } from 'commander'
import { attackCommand } from './commands/attack.ts'
import { attacksCommand } from './commands/attacks.ts'
import { dataCommand } from './commands/data.ts'
import { evaluateCommand } from './commands/evaluate.ts'
import { gradCommand } from './commands/grad.ts'
import { inspectCommand } from './commands/inspect.ts'
import { isInputError, UsageError } from './errors.ts'
import { GateFailed, Interrupted } from './outcome.ts'
import { versions } from './versions.ts'

const program = new Command('saddle')
  .description('Attack, defend, explain and measure neural networks given as ONNX files.')
  .version(versions()['saddlepoint']!)
  .showHelpAfterError('(saddle --help shows what there is)')
  .exitOverride()
  .configureHelp({ sortOptions: false })

evaluateCommand(program)
attackCommand(program)
attacksCommand(program)
inspectCommand(program)
gradCommand(program)
dataCommand(program)
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
