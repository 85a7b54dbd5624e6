/** The flags of `saddle train`. */
import { Option, type Command } from 'commander'
import { networks, schedules, trainingMethods } from 'saddlepoint'
import { generatorFlags, setNames, type GeneratorFlags } from './latent-set.ts'
import {
  commonFlags,
  count,
  dataFlags,
  modelFlags,
  number,
  type CommonFlags,
  type DataFlags,
  type ModelFlags,
} from './shared.ts'

export interface TrainFlags extends CommonFlags, ModelFlags, DataFlags, GeneratorFlags {
  output: string
  network?: string
  classes?: number
  method: string
  norm?: string
  eps?: number
  epochs: number
  optimiser: 'adamw' | 'sgd'
  rate?: number
  schedule: keyof typeof schedules
  weightDecay?: number
  clipNorm?: number
  averageDecay: number
  strengthWarmUp: number
  averageFrom?: number
  patience?: number
  augment?: boolean | string
  heldOut: number
  labelled?: number
  labelledShare: number
  shard: number
  wholeBatch?: boolean
  timeLimit?: number
  checkpoint?: string
  checkpointSeconds: number
  resume?: boolean
  overwrite?: boolean
}

export function trainFlags(program: Command): Command {
  const methods = Object.keys(trainingMethods).join(', ')
  const command = program
    .command('train')
    .description('train a network, or a given ONNX file further; the result is a plain ONNX file')
    .argument('[model]', 'ONNX file to train further (or --network for a new one)')
    .requiredOption('-o, --output <file>', 'the ONNX file to write')
    .addOption(new Option('--network <name>', 'a new network').choices(Object.keys(networks)))
    .option('--classes <n>', 'outputs of a new network; as many as the data have classes if absent', count)
    .option('--method <name>', `what is minimised, with options as in trades:beta=1: ${methods}`, 'standard')
    .addOption(
      new Option(
        '--norm <name>',
        'perturbation set of the inner attack (the default of its method, mostly linf)',
      ).choices(setNames),
    )
    .option('--eps <value>', 'its radius, such as 0.3 or 8/255', number)
    .option('--epochs <n>', 'passes over the data', count, 10)
    .addOption(new Option('--optimiser <name>', 'update rule').choices(['adamw', 'sgd']).default('adamw'))
    .option('--rate <value>', 'peak learning rate; 0.001 for adamw and 0.05 for sgd if absent', number)
    .addOption(
      new Option('--schedule <name>', 'of the learning rate')
        .choices(Object.keys(schedules))
        .default('one-cycle'),
    )
    .option('--weight-decay <value>', 'of weights, not of biases; that of the optimiser if absent', number)
    .option('--clip-norm <value>', 'largest norm of the gradient', number)
    .option(
      '--average-decay <value>',
      'of a moving average of the weights, which is then the result',
      number,
      0,
    )
    .option('--strength-warm-up <share>', 'share of the run over which eps grows to its full size', number, 0)
    .option(
      '--average-from <share>',
      'share of the run from which on the weights are averaged with equal parts (SWA), which is then the result',
      number,
    )
    .option(
      '--patience <epochs>',
      'stop after so many epochs without a better robust accuracy of held-out samples (clean where none is attacked), and keep the best',
      count,
    )
    .option(
      '--augment [names]',
      'changes of pictures with commas between them: jitter, crop, flip, cutout, mixup; jitter if none is named (moves by up to 2 pixels, a little brightness and contrast)',
    )
    .option('--held-out <share>', 'share of the samples that are not trained on but judged', number, 0.1)
    .option(
      '--labelled <n>',
      'keep the labels of n samples to train on, as many of each class; methods such as vat learn from the others, too',
      count,
    )
    .option('--labelled-share <share>', 'of each batch, that labelled samples then make up', number, 0.25)
    .option('--shard <n>', 'samples of a batch that one worker takes at a time', count, 32)
    .option(
      '--whole-batch',
      'one shard for the whole batch, whose statistics batch normalisation then uses (those of each shard otherwise)',
    )
    .option('--time-limit <seconds>', 'ends the schedule within this time, if the epochs take longer', number)
    .option('--checkpoint <file>', 'where the run can go on from; OUTPUT.checkpoint if absent')
    .option('--checkpoint-seconds <s>', 'time between two writes of it within an epoch', number, 30)
    .option('--resume', 'go on from the checkpoint, if there is one')
    .option('--overwrite', 'start anew though there is a checkpoint')
  return commonFlags(dataFlags(modelFlags(generatorFlags(command))))
}
