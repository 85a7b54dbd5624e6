/** `saddle detect`: what a detector catches, of attacks that do not know of it and of the same attacks that do. */
import type { Command } from 'commander'
import {
  fitWithThresholds,
  measureDetection,
  type ConfiguredDetector,
  type DetectionOutcome,
  type DetectionResult,
} from 'saddlepoint'
import '../builtin.ts'
import { columns, plural } from '../columns.ts'
import { UsageError } from '../errors.ts'
import { versions } from '../versions.ts'
import { batchOf, detectorFlag, rate } from './detection.ts'
import { engineOf, openBoth, openMore } from './open.ts'
import { planOf } from './plan.ts'
import {
  commonFlags,
  count,
  dataFlags,
  list,
  modelFlags,
  number,
  printJson,
  talk,
  type CommonFlags,
  type DataFlags,
  type ModelFlags,
} from './shared.ts'

interface Flags extends CommonFlags, ModelFlags, DataFlags {
  detector: ConfiguredDetector
  fitData?: string
  fitLimit: number
  fpr: number[]
  attack: string[]
  norm: string
  eps: number
}

const gather = (text: string, before: string[] | undefined) => [
  ...(before ?? []),
  ...text.split(/\s+/).filter(Boolean),
]

export function detectCommand(program: Command): void {
  const command = program
    .command('detect')
    .description('measure a detector against attacks, each as it is and knowing the detector')
    .argument('<model>', 'ONNX file (.onnx or .onnx.gz)')
    .option(
      '--fit-data <path|name>',
      'clean data that fit the detector; the training part of --data if absent',
    )
    .option('--fit-limit <n>', 'how many of them: half fit it, and half set its thresholds', count, 2000)
    .option(
      '--fpr <shares>',
      'shares of clean samples that may be flagged',
      (text) => list(text).map(rate),
      [0.01, 0.05],
    )
    .option(
      '--attack <names>',
      'attacks with a fixed radius, with options; may be repeated (default: fgsm pgd:iterates=last)',
      gather,
    )
    .option('--norm <name>', 'perturbation set', 'linf')
    .requiredOption('--eps <value>', 'its radius, such as 8/255', number)
    .addHelpText(
      'after',
      `
An adaptive attack climbs its loss until the model is fooled and then lowers the detector's score, and only what is let through
counts. Fooled: share of the samples the model gets right. Detected: share of those that fool it. Evaded: share of the samples
the model gets right that fools it unseen. A detector that stands may be one that the attack was too weak for: try more and
smaller steps (pgd:steps=500,stepSize=0.002). Attacks that compare values of their loss, like apgd-ce, are not made for this.`,
    )
  commonFlags(dataFlags(modelFlags(detectorFlag(command)))).action(run)
}

async function run(path: string, flags: Flags): Promise<void> {
  const voice = talk(flags)
  const { attacks, perturbations } = await planOf({
    attack: flags.attack ?? ['fgsm', 'pgd:iterates=last'],
    norm: [flags.norm],
    eps: [flags.eps],
    criterion: 'misclassified',
  })
  if (!(flags.eps > 0)) throw new UsageError(`--eps ${flags.eps} is no radius`, { hint: 'write --eps 8/255' })
  const engine = engineOf(flags, voice)
  try {
    const { classifier, data, conventions } = await openBoth(path, flags, engine, voice)
    const more =
      flags.fitData === undefined ? { split: 'train' as const } : { data: flags.fitData, split: undefined }
    const known = await openMore(
      classifier,
      { ...flags, ...more, offset: undefined, limit: flags.fitLimit, shuffle: true },
      voice,
    )
    const batchSize = batchOf(classifier, conventions.batch ?? flags.batch)
    voice.say(`fitting ${flags.detector.name} on half of ${plural(known.length, 'sample')} of ${known.name}`)
    const { fitted, thresholds } = await fitWithThresholds(flags.detector, classifier, known, flags.fpr, {
      seed: flags.seed,
      batchSize,
    })
    let stage = ''
    const result = await measureDetection(classifier, fitted, data, {
      attacks,
      perturbation: perturbations[0]!,
      eps: flags.eps,
      thresholds,
      seed: flags.seed,
      batchSize,
      onProgress(now) {
        if (now !== stage) voice.say((stage = now))
      },
    })
    if (flags.json)
      printJson({
        model: path,
        data: { name: data.name, samples: data.length },
        fitData: { name: known.name, samples: known.length },
        detector: { name: fitted.name, reference: flags.detector.reference, options: fitted.options },
        norm: flags.norm,
        eps: flags.eps,
        seed: flags.seed,
        ...result,
        versions: versions(),
      })
    else process.stdout.write(`${tableOf(result)}\n`)
  } finally {
    await engine.close()
  }
}

const percent = (share: number) => (Number.isNaN(share) ? '–' : `${(100 * share).toFixed(1)} %`)

function tableOf({ samples, cleanAccuracy, clean, attacks }: DetectionResult): string {
  const heads = ['attack', 'knows', 'FPR', 'fooled', 'AUC', 'detected', 'evaded', '95 % interval']
  const row = (name: string, knows: string, o: DetectionOutcome) => [
    name,
    knows,
    percent(o.falsePositiveRate),
    percent(o.attackSuccessRate),
    Number.isNaN(o.auc) ? '–' : o.auc.toFixed(3),
    percent(o.detectionRate),
    percent(o.evasionRate),
    `${percent(o.interval[0])} to ${percent(o.interval[1])}`,
  ]
  const rows = Object.entries(attacks).flatMap(([name, { naive, adaptive }]) =>
    naive.flatMap((o, i) => [row(name, 'the model', o), row(name, 'the detector too', adaptive[i]!)]),
  )
  const flagged = clean.map(
    (c) => `${percent(c.measured)} of the clean ones flagged at ${percent(c.falsePositiveRate)}`,
  )
  return [
    `${plural(samples, 'sample')}, ${percent(cleanAccuracy)} right; ${flagged.join(', ')}`,
    '',
    columns(
      heads.map((title, i) => ({ title, align: i < 2 ? 'left' : 'right' })),
      rows,
    ),
  ].join('\n')
}
