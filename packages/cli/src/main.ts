/** The `saddle` command. */
import { Command, CommanderError } from 'commander'
import './builtin.ts'
import { attacksCommand } from './commands/attacks.ts'
import { evaluateCommand } from './commands/evaluate.ts'
import { gradCommand } from './commands/grad.ts'
import { inspectCommand } from './commands/inspect.ts'
import { UsageError } from './errors.ts'
import { GateFailed, Interrupted } from './outcome.ts'
import { versions } from './versions.ts'

const program = new Command('saddle')
  .description('Attack, defend, explain and measure neural networks given as ONNX files.')
  .version(versions()['saddlepoint']!)
  .showHelpAfterError('(saddle --help shows what there is)')
  .exitOverride()
  .configureHelp({ sortOptions: false })

evaluateCommand(program)
attacksCommand(program)
inspectCommand(program)
gradCommand(program)
for (const command of program.commands) command.exitOverride()

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = report(error as Error)
}

/** Says what went wrong in one line and gives the exit code. */
function report(error: Error): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  const debug = process.argv.includes('--debug')
  const say = (text: string) => process.stderr.write(`${text}\n`)
  if (error instanceof GateFailed || error instanceof Interrupted) {
    say(error.message)
    return error.exitCode
  }
  if (error instanceof UsageError) {
    say(`error: ${error.message}${error.hint ? ` (${error.hint})` : ''}`)
    if (debug && error.cause) say(String((error.cause as Error).stack ?? error.cause))
    return error.exitCode
  }
  say(`error: ${error.message}`)
  say(debug ? String(error.stack) : '(--debug shows where this came from)')
  return 2
}
