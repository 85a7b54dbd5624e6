/** `saddle guard`: a classifier and a detector as one file that rejects. */
import { decodeModel } from '@saddlepoint/autodiff'
import type { Command } from 'commander'
import { fitWithThresholds, guarded, withThreshold, type ConfiguredDetector } from 'saddlepoint'
import '../builtin.ts'
import { writeFileAtomic } from '../data/index.ts'
import { versions } from '../versions.ts'
import { batchOf, detectorFlag, rate } from './detection.ts'
import { engineOf, openBoth } from './open.ts'
import {
  commonFlags,
  dataFlags,
  modelFlags,
  printJson,
  talk,
  type CommonFlags,
  type DataFlags,
  type ModelFlags,
} from './shared.ts'

interface Flags extends CommonFlags, ModelFlags, DataFlags {
  detector: ConfiguredDetector
  fpr: number
  output: string
}

export function guardCommand(program: Command): void {
  const command = program
    .command('guard')
    .description('write a classifier and its detector as one file that rejects what it suspects')
    .argument('<model>', 'ONNX file (.onnx or .onnx.gz)')
    .requiredOption('-o, --output <file>', 'the file to write')
    .option('--fpr <share>', 'share of clean samples that may be rejected', rate, 0.05)
    .addHelpText(
      'after',
      `
Half of the data fit the detector, and half set its threshold: give training data (--split train --limit 2000). The written
file takes samples as they are (pictures in 0..1, preprocessing is inside) and gives logits [N, K], label (int64 [N]), reject
(bool [N]) and score (float32 [N]); what scores above the threshold is rejected. saddle evaluate
attacks such a file with and without knowledge of what it rejects, and counts rejected samples apart.`,
    )
  commonFlags(dataFlags(modelFlags(detectorFlag(command)))).action(run)
}

async function run(path: string, flags: Flags): Promise<void> {
  const voice = talk(flags)
  const engine = engineOf(flags, voice)
  try {
    const { classifier, data, conventions } = await openBoth(path, flags, engine, voice)
    voice.say(`fitting ${flags.detector.name} on half of ${data.length} samples of ${data.name}`)
    const { fitted, thresholds } = await fitWithThresholds(flags.detector, classifier, data, [flags.fpr], {
      seed: flags.seed,
      batchSize: batchOf(classifier, conventions.batch ?? flags.batch),
    })
    const { threshold } = thresholds[0]!
    const bytes = guarded(classifier, withThreshold(fitted, threshold), {
      falsePositiveRate: String(flags.fpr),
      options: JSON.stringify(fitted.options),
      model: path.split('/').at(-1)!,
      saddlepoint: versions()['saddlepoint']!,
    })
    await writeFileAtomic(flags.output, [bytes])
    const { inputs, outputs } = (await decodeModel(bytes)).graph
    if (flags.json)
      printJson({
        model: path,
        output: flags.output,
        bytes: bytes.length,
        detector: { name: fitted.name, options: fitted.options },
        falsePositiveRate: flags.fpr,
        threshold,
        data: { name: data.name, samples: data.length },
        seed: flags.seed,
        inputs,
        outputs,
        versions: versions(),
      })
    else process.stdout.write(`${flags.output}: rejects what scores above ${threshold.toPrecision(4)}\n`)
  } finally {
    await engine.close()
  }
}
