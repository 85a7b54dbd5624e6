/** `saddle universal`: one perturbation, or one patch, for a whole data set. */
import { float32, type NDArray } from '@saddlepoint/autodiff'
import { Option, type Command } from 'commander'
import { basename, join } from 'node:path'
import {
  lossForms,
  parseLoss,
  perturbations,
  sharedChange,
  sharedPatch,
  universal,
  type SharedSet,
  type Target,
  type UniversalOutcome,
  type UniversalResult,
} from 'saddlepoint'
import '../builtin.ts'
import { columns } from '../columns.ts'
import { writeFileAtomic, writeNpy, writePng, type Dataset } from '../data/index.ts'
import { UsageError } from '../errors.ts'
import { figure } from '../figure.ts'
import { versions } from '../versions.ts'
import { batchFor, engineOf, openBoth } from './open.ts'
import {
  commonFlags,
  count,
  dataFlags,
  integer,
  modelFlags,
  number,
  numbers,
  printJson,
  talk,
  type CommonFlags,
  type DataFlags,
  type ModelFlags,
} from './shared.ts'

interface Flags extends CommonFlags, ModelFlags, DataFlags {
  norm: string
  eps?: number
  patch?: number
  shape: 'square' | 'circle'
  rotation: number
  scale: number[]
  loss: string
  target?: number
  epochs: number
  heldOut: number
  figures: number
  out: string
}

export function universalCommand(program: Command): void {
  const command = program
    .command('universal')
    .description(
      'one perturbation or one patch for a whole data set, judged on samples it was not trained on',
    )
    .argument('<model>', 'ONNX file (.onnx or .onnx.gz)')
    .option('--norm <name>', 'norm of a change that is added to every sample', 'linf')
    .option('--eps <value>', 'its radius, such as 10/255', number)
    .option('--patch <share>', 'a patch over this share of the picture instead of a change', number)
    .addOption(new Option('--shape <shape>', 'of the patch').choices(['square', 'circle']).default('circle'))
    .option('--rotation <degrees>', 'largest turn of the patch, either way', number, 22.5)
    .option('--scale <low,high>', 'smallest and largest side of the patch, as factors', numbers, [1, 1])
    .option('--loss <name>', `what is climbed: ${lossForms.join(', ')}`, 'cross-entropy')
    .option('--target <class>', 'the class that everything is to become', integer)
    .option('--epochs <n>', 'passes over the samples trained on', count, 10)
    .option('--held-out <share>', 'share of the samples that are only judged', number, 0.5)
    .option('--figures <n>', 'held-out samples to draw', integer, 5)
    .option('--out <folder>', 'where everything is written', 'universal')
  commonFlags(dataFlags(modelFlags(command))).action(run)
}

async function run(path: string, flags: Flags): Promise<void> {
  const voice = talk(flags)
  const loss = parseLoss(flags.loss)
  const engine = engineOf(flags, voice)
  try {
    const { classifier, data, conventions } = await openBoth(path, flags, engine, voice)
    const set = setOf(classifier, flags)
    const result = await universal(classifier, data, set, {
      epochs: flags.epochs,
      heldOut: flags.heldOut,
      loss,
      target: targetOf(classifier, flags),
      seed: flags.seed,
      batchSize: conventions.batch ?? flags.batch ?? batchFor(data.shape),
      examples: flags.figures,
      onEpoch: (epoch, loss) => voice.say(`epoch ${epoch} of ${flags.epochs}: loss ${loss.toFixed(3)}`),
    })
    const { perturbation, examples, ...outcome } = result
    const files = await writePerturbation(perturbation, flags)
    files.push(...(await writeFigures(classifier, data, examples, flags)))
    const report = {
      model: path,
      data: data.name,
      seed: flags.seed,
      ...(flags.patch === undefined ? { norm: set.name, eps: flags.eps } : { patch: flags.patch }),
      ...outcome,
      files,
      versions: versions(),
    }
    await writeFileAtomic(join(flags.out, 'universal.json'), JSON.stringify(report, null, 2))
    if (flags.json) printJson(report)
    else process.stdout.write(`${tableOf(result)}\n\nfiles in ${flags.out}\n`)
  } finally {
    await engine.close()
  }
}

function setOf(classifier: Target, { norm, eps, patch, shape, rotation, scale }: Flags): SharedSet {
  if (patch !== undefined) {
    const [low, high, ...more] = scale
    if (low === undefined || high === undefined || more.length)
      throw new UsageError(`--scale ${scale.join(',')} is no range`, { hint: 'write --scale 0.8,1.2' })
    return sharedPatch(classifier, { share: patch, shape, rotation, scale: [low, high] })
  }
  if (eps === undefined) throw new UsageError('no eps given', { hint: 'add --eps 10/255, or --patch 0.05' })
  if (!(eps > 0)) throw new UsageError(`--eps ${eps} is no radius`)
  if (!Object.hasOwn(perturbations, norm))
    throw new UsageError(`there is no norm "${norm}"`, {
      hint: `there are ${Object.keys(perturbations).join(', ')}`,
    })
  return sharedChange(classifier, perturbations[norm]!, eps)
}

function targetOf({ conventions, classes, name }: Target, { target }: Flags): number | undefined {
  if (target === undefined) return undefined
  const output = target + (conventions.labelOffset ?? 0)
  if (output < 0 || output >= classes)
    throw new UsageError(`--target ${target}: ${name} has ${classes} classes`, {
      hint: 'labels count from 0',
    })
  return output
}

/** The perturbation as numbers and, where it is a picture, as one: a change around grey, as strong as fits. */
async function writePerturbation(p: NDArray, { out, patch }: Flags): Promise<string[]> {
  const files = [join(out, 'perturbation.npy')]
  await writeNpy(files[0]!, { ...p, dims: p.dims.slice(1) })
  if (p.dims.length !== 4 || (p.dims[1] !== 1 && p.dims[1] !== 3)) return files
  const values = p.data as Float32Array
  const peak = values.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-12)
  const shown = patch === undefined ? values.map((v) => 0.5 + (0.5 * v) / peak) : values
  files.push(join(out, 'perturbation.png'))
  await writePng(files[1]!, float32(p.dims, shown))
  return files
}

async function writeFigures(
  classifier: Target,
  data: Dataset,
  examples: UniversalResult['examples'],
  { out }: Flags,
): Promise<string[]> {
  const shape = classifier.shape.length === 2 ? [1, ...classifier.shape] : classifier.shape
  if (shape.length !== 3 || (shape[0] !== 1 && shape[0] !== 3)) return []
  const files: string[] = []
  for (const { index, original, adversarial } of examples) {
    const [before, after] = await Promise.all(
      [original, adversarial].map(async (a) =>
        classifier
          .ranking(await classifier.predict(a), 0, 5)
          .map((r) => ({ ...r, name: classifier.classNames?.[r.label] })),
      ),
    )
    const title = basename(data.sources?.[index] ?? `sample ${index}`)
    const file = join(out, `${title.replaceAll(/[^\w.-]+/g, '-')}.svg`)
    const svg = await figure({
      title,
      shape: shape as [number, number, number],
      original: original.data as Float32Array,
      adversarial: adversarial.data as Float32Array,
      before: before!,
      after: after!,
    })
    await writeFileAtomic(file, svg)
    files.push(file)
  }
  return files
}

function tableOf({ train, heldOut }: { train: UniversalOutcome; heldOut: UniversalOutcome }): string {
  const share = (v: number) => `${(v * 100).toFixed(1)} %`
  const row = (name: string, o: UniversalOutcome) => [
    name,
    String(o.samples),
    share(o.cleanAccuracy),
    share(o.robustAccuracy),
    share(o.attackSuccessRate),
    `${share(o.interval[0])} – ${share(o.interval[1])}`,
    share(o.foolingRate),
  ]
  const heads = ['', 'samples', 'clean', 'robust', 'success', '95 % interval', 'changed']
  return columns(
    heads.map((title) => ({ title })),
    [row('trained on', train), row('held out', heldOut)],
  )
}
