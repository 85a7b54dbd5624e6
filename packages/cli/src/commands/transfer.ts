/** `saddle transfer`: which models fall to samples crafted on which others. */
import type { Engine } from '@saddlepoint/autodiff'
import { Option, type Command } from 'commander'
import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import {
  AttackOptionError,
  classifier,
  ClassifierError,
  exportFitted,
  families,
  parseAttack,
  perturbations,
  transfer,
  vote,
  type Fitted,
  type Target,
  type TransferResult,
} from 'saddlepoint'
import '../builtin.ts'
import { rangesOf } from '../column-rules.ts'
import { columns, plural } from '../columns.ts'
import { loadDataset, writeFileAtomic, type Dataset } from '../data/index.ts'
import { UsageError } from '../errors.ts'
import { Interrupted } from '../outcome.ts'
import { progressDisplay, type ProgressDisplay } from '../progress.ts'
import { splitData } from '../train-data.ts'
import { versions } from '../versions.ts'
import { batchFor, engineOf, openBoth, openLike } from './open.ts'
import {
  commonFlags,
  count,
  dataFlags,
  modelFlags,
  number,
  printJson,
  stopOnCtrlC,
  talk,
  type CommonFlags,
  type DataFlags,
  type ModelFlags,
} from './shared.ts'

interface Flags extends CommonFlags, ModelFlags, DataFlags {
  eps?: number
  norm: string
  attack: string
  trainData?: string
  trainLimit: number
  out: string
}

/** The vote of all other models that are trained here. */
const VOTE = 'ensemble'
const trainable = [...Object.keys(families), VOTE]

export function transferCommand(program: Command): void {
  const command = program
    .command('transfer')
    .description(
      'which models fall to samples that were crafted on which others; writes a matrix and its figure',
    )
    .argument(
      '<models...>',
      `ONNX files, or families to train here and write as such: ${trainable.join(', ')} (the vote of those)`,
    )
    .option('--eps <radius>', 'radius of all samples, such as 0.3 or 8/255', number)
    .addOption(
      new Option('--norm <name>', 'norm of the radius').choices(['linf', 'l2', 'l1']).default('linf'),
    )
    .option('--attack <name>', 'attack with options, such as pgd:steps=40; trees are searched', 'fgsm')
    .option(
      '--train-data <path|name>',
      'data that families are trained on; the train split of --data if absent',
    )
    .option('--train-limit <n>', 'samples that families are trained on at most', count, 5000)
    .option('-o, --out <folder>', 'where files are written', 'transfer')
  commonFlags(dataFlags(modelFlags(command))).action(run)
}

async function run(given: string[], flags: Flags): Promise<void> {
  if (flags.eps === undefined || flags.eps <= 0)
    throw new UsageError('no eps given', { hint: 'add --eps 0.3; it is larger than 0' })
  const attack = attackOf(flags.attack)
  const voice = talk(flags)
  const signal = stopOnCtrlC(voice.say)
  const engine = engineOf(flags, voice)
  const display = progressDisplay(flags.quiet)
  try {
    const { models, data } = await opened(given, flags, engine, display, signal, voice)
    const result = await transfer(models, data, {
      perturbation: perturbations[flags.norm]!,
      eps: flags.eps,
      attack,
      seed: flags.seed,
      batchSize: flags.batch ?? batchFor(data.shape),
      signal,
      onProgress: (stage, done, total) => display.update({ stage, done, total }),
    }).catch((error: unknown) => {
      if (error instanceof ClassifierError || error instanceof AttackOptionError)
        throw new UsageError(error.message, { cause: error })
      throw error
    })
    display.end()
    if (!result.complete) throw new Interrupted('stopped before all samples were crafted')
    for (const { name, craftedBy, unmoved } of result.models)
      if (craftedBy !== 'leaf-search' && 2 * unmoved > result.samples)
        voice.warn(
          `${name}: ${craftedBy} left ${unmoved} of ${plural(result.samples, 'sample')} as they were, its gradient vanished: try --attack ${flags.attack}${flags.attack.includes(':') ? ',' : ':'}loss=margin`,
        )
    await tell(result, data, flags)
  } finally {
    display.end()
    await engine.close()
  }
}

function attackOf(text: string) {
  try {
    const [attack, second] = parseAttack(text)
    if (attack && !second) return attack
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error })
  }
  throw new UsageError(`--attack ${text} is not one attack`, { hint: 'write fgsm, or pgd:steps=40' })
}

interface Opened {
  readonly models: readonly Target[]
  readonly data: Dataset
}

/** Files and families in the order they were asked for; data as the first file takes them, or as they are. */
async function opened(
  given: readonly string[],
  flags: Flags,
  engine: Engine,
  display: ProgressDisplay,
  signal: AbortSignal,
  voice: ReturnType<typeof talk>,
): Promise<Opened> {
  const isFamily = (name: string) => trainable.includes(name) && !existsSync(name)
  const [file] = given.filter((name) => !isFamily(name))
  const first = file === undefined ? undefined : await openBoth(file, flags, engine, voice)
  const data = first?.data ?? (await evaluated(flags))
  if (first?.conventions.labelOffset && given.some(isFamily))
    throw new UsageError(`${file} shifts labels, and families that are trained here do not`)
  const trained = await train(given.filter(isFamily), data, first?.classifier, flags, engine, display, signal)
  const models: Target[] = []
  for (const name of given) {
    const own = trained.get(name)
    if (own) models.push(own)
    else if (name === file) models.push(first!.classifier)
    else models.push(await openLike(name, first!.classifier, data.kind === 'images', flags))
  }
  return { models, data }
}

async function evaluated({ data, split, offset, limit, shuffle, seed }: Flags): Promise<Dataset> {
  if (!data)
    throw new UsageError('no data given', {
      hint: 'add --data with a folder, a file or the name of a built-in set',
    })
  return loadDataset(data, { split, offset, limit, shuffle: shuffle ? seed : undefined })
}

/** Fits the families that were named, writes their files, and opens those. */
async function train(
  names: readonly string[],
  like: Dataset,
  file: Target | undefined,
  flags: Flags,
  engine: Engine,
  display: ProgressDisplay,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Target>> {
  const found = new Map<string, Target>()
  if (!names.length) return found
  const from = flags.trainData ?? flags.data!
  const set = await loadDataset(from, {
    ...(flags.trainData ? { orWhole: true } : {}),
    split: 'train',
    limit: flags.trainLimit,
  })
  if (set.shape.join() !== like.shape.join())
    throw new UsageError(
      `samples of ${set.name} are ${set.shape.join('×')}, and those of ${like.name} ${like.shape.join('×')}`,
    )
  const { train: data } = await splitData(set, 0, 0)
  const most = [...set.labels, ...like.labels].reduce((a, b) => Math.max(a, b), 0)
  const classes = Math.max(2, most + 1, set.labelNames?.length ?? 0)
  const bounds = file?.bounds ?? (await boundsOf([set, like]))
  const fitted = new Map<string, Fitted>()
  // The vote is that of all others, wherever it stands in the list.
  const order = [...names.filter((n) => n !== VOTE), ...names.filter((n) => n === VOTE)]
  for (const name of order) {
    display.update({ stage: `training ${name}`, done: fitted.size, total: order.length })
    if (name === VOTE && !fitted.size)
      throw new UsageError('ensemble is the vote of other families', {
        hint: 'name some: dnn lr svm tree knn',
      })
    const own =
      name === VOTE
        ? vote([...fitted.values()])
        : await families[name]!.fit(data, { classes, bounds, seed: flags.seed, engine, signal })
    fitted.set(name, own)
    const bytes = exportFitted(own)
    const path = join(flags.out, `${name}.onnx`)
    await writeFileAtomic(path, [bytes])
    found.set(name, await classifier(bytes, { name: path, shape: like.shape, bounds, engine }))
  }
  return found
}

/** Pictures lie in [0, 1]; other data between the least and the largest value that occurs. */
async function boundsOf(sets: readonly Dataset[]): Promise<readonly [number, number]> {
  if (sets.some((set) => set.kind === 'images')) return [0, 1]
  const ranges = (await Promise.all(sets.map(rangesOf))).flat()
  return [Math.min(...ranges.map((r) => r[0])), Math.max(...ranges.map((r) => r[1]))]
}

async function tell(result: TransferResult, data: Dataset, flags: Flags): Promise<void> {
  const { heatMap } = await import('@saddlepoint/report')
  const names = result.models.map(({ name }) => basename(name, '.onnx'))
  const figure = join(flags.out, 'transfer.svg')
  await writeFileAtomic(
    figure,
    heatMap({
      title: `Transfer of ${result.attack}, ${result.norm} ${Number(result.eps.toPrecision(4))}`,
      rows: names,
      columns: names,
      rowTitle: 'Crafted on',
      columnTitle: 'Shown to',
      valueTitle: 'Wrong, of those it had right (%)',
      domain: [0, 100],
      panels: [{ values: result.success.map((row) => row.map((v) => 100 * v)) }],
    }),
  )
  const { models, ...counts } = result
  const report = {
    models: models.map(({ name, ...own }) => ({ path: name, ...own })),
    data: { name: data.name, samples: data.length },
    seed: flags.seed,
    ...counts,
    figure,
    versions: versions(),
    out: flags.out,
  }
  await writeFileAtomic(join(flags.out, 'transfer.json'), JSON.stringify(report, null, 2))
  if (flags.json) return printJson(report)
  process.stdout.write(
    `${tableOf(result, names)}\n\nShare of the samples a model had right that it has wrong once they were crafted on another; ` +
      `${plural(data.length, 'sample')}, ${result.norm} ${Number(result.eps.toPrecision(4))}. Figure: ${figure}\n`,
  )
}

function tableOf({ models, success }: TransferResult, names: readonly string[]): string {
  const percent = (v: number) => (Number.isNaN(v) ? '–' : `${(100 * v).toFixed(1)} %`)
  const heads = [
    { title: 'crafted on' },
    { title: 'by' },
    ...names.map((title) => ({ title, align: 'right' as const })),
  ]
  return columns(heads, [
    ...success.map((row, i) => [names[i]!, models[i]!.craftedBy, ...row.map(percent)]),
    ['clean accuracy', '', ...models.map((m) => percent(m.cleanAccuracy))],
  ])
}
