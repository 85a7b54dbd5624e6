/** `saddle grad`: a model and a loss as one file that gives loss and gradient. */
import { concat, decodeModel, gradientGraph, type LossFunction, type ValueInfo } from '@saddlepoint/autodiff'
import { Option, type Command } from 'commander'
import { losses } from 'saddlepoint'
import { columns } from '../columns.ts'
import { writeFileAtomic } from '../data/index.ts'
import { versions } from '../versions.ts'
import { openModel } from './open.ts'
import { commonFlags, numbers, printJson, type CommonFlags, type ModelFlags } from './shared.ts'

interface Flags extends CommonFlags, Pick<ModelFlags, 'inputShape' | 'provider'> {
  output: string
  loss: string
  wrt?: string[]
}

export function gradCommand(program: Command): void {
  const command = program
    .command('grad')
    .description('write a graph that gives the loss and its gradient, for any ONNX Runtime')
    .argument('<model>', 'ONNX file (.onnx or .onnx.gz)')
    .requiredOption('-o, --output <file>', 'the file to write')
    .addOption(
      new Option('--loss <name>', 'the loss, of the true class in `labels`')
        .choices(Object.keys(losses).filter((name) => !losses[name]!.remembers))
        .default('cross-entropy'),
    )
    .option('--wrt <names...>', 'inputs or weights to differentiate by; outputs are then gradient.NAME')
    .option('--input-shape <sizes>', 'shape of one sample where the model leaves it open', numbers)
    .addOption(
      new Option('--provider <name>', 'what the file will run on')
        .choices(['cpu', 'webgpu', 'cuda', 'coreml', 'dml'])
        .default('cpu'),
    )
    .addHelpText(
      'after',
      `
The written graph takes the model's own inputs and labels (int64 [N]); it gives loss [N] and gradient, in the input's
shape. Preprocessing is not part of it: feed it what the model is fed. A final Softmax or Sigmoid is left out of the
loss. Gradients by weights are those of the summed loss.`,
    )
  commonFlags(command).action(async (path: string, flags: Flags) => {
    const model = await openModel(path, flags)
    const bytes = gradientGraph(model, {
      loss: lossOf(flags.loss),
      wrt: flags.wrt,
      target: { provider: flags.provider },
      metadata: { loss: flags.loss, model: path.split('/').at(-1)!, saddlepoint: versions()['saddlepoint']! },
    })
    await writeFileAtomic(flags.output, [bytes])
    const { graph } = await decodeModel(bytes)
    const { inputs, outputs } = graph
    if (flags.json)
      printJson({ model: path, output: flags.output, bytes: bytes.length, loss: flags.loss, inputs, outputs })
    else process.stdout.write(`${flags.output}\n${ports(inputs, outputs)}\n`)
    if (!flags.quiet) for (const notice of model.notices) process.stderr.write(`${notice}\n`)
  })
}

/** A single score is that of class 1 against class 0, as everywhere else. */
function lossOf(name: string): LossFunction {
  const loss = losses[name]!
  return (logits, labels) =>
    loss({ logits: logits.shape[1] === 1 ? concat([logits.mul(0), logits], 1) : logits, labels })
}

function ports(inputs: readonly ValueInfo[], outputs: readonly ValueInfo[]): string {
  const ways = [
    ['  in', inputs],
    ['  out', outputs],
  ] as const
  return columns(
    [{ title: '' }, { title: '' }, { title: '' }],
    ways.flatMap(([way, list]) =>
      list.map(({ name, type, shape }) => [way, name, `${type} [${shape?.join(', ') ?? '?'}]`]),
    ),
  )
}
