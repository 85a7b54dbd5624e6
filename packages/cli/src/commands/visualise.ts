/** `saddle explain MODEL --visualise …`: pictures that bring out a class, a feature, a channel, a neuron or a direction. */
import { takeRows, type Engine, type NDArray } from '@saddlepoint/autodiff'
import { imageGrid, type GridRow } from '@saddlepoint/report'
import { join } from 'node:path'
import {
  classifier as classifierOf,
  classObjective,
  direction,
  parseObjective,
  parseWay,
  visualise,
  VisualiseError,
  type Classifier,
  type VisualObjective,
} from 'saddlepoint'
import { stack } from '../attack-samples.ts'
import { columns } from '../columns.ts'
import { openNpy, readClassIndex, writeFileAtomic, writeNpy, writePng } from '../data/index.ts'
import { progressDisplay } from '../progress.ts'
import { versions } from '../versions.ts'
import { boundsOf, conventionsOf, engineOf, openModel, outputNames } from './open.ts'
import { openInputs, outputOf } from './open-inputs.ts'
import { printJson, talk, type CommonFlags, type ModelFlags, type Talk } from './shared.ts'

export interface VisualiseFlags extends CommonFlags, ModelFlags {
  visualise?: string[]
  by: string
  count: number
  diversity: number
  out: string
}

interface Result {
  readonly objective: string
  readonly before: readonly number[]
  readonly after: readonly number[]
  /** What the model says of each picture. */
  readonly predicted: readonly {
    readonly label: number
    readonly name?: string
    readonly probability: number
  }[]
  readonly files: readonly { readonly png: string; readonly npy: string }[]
}

/** @param files pictures to start from; noise if there are none */
export async function runVisualise(
  path: string,
  files: readonly string[],
  flags: VisualiseFlags,
): Promise<void> {
  const way = parseWay(flags.by)
  const voice = talk(flags)
  const engine = engineOf(flags, voice)
  const display = progressDisplay(flags.quiet)
  try {
    const { classifier, from } = await opened(path, files, flags, engine, voice)
    const objectives = await Promise.all(flags.visualise!.map((text) => objectiveOf(text, classifier)))
    const results: Result[] = []
    const rows: GridRow[] = []
    for (const [k, objective] of objectives.entries()) {
      const { pictures, before, after } = await visualise(classifier, objective, way, {
        ...(from ? { from } : { count: flags.count }),
        diversity: flags.diversity,
        seed: flags.seed,
        onStep: (step) => display.update({ stage: objective.name, done: step, total: way.steps }),
      })
      const decided = classifier.decide(await classifier.predict(pictures))
      const predicted = decided.map(({ label, confidence }) => ({
        label,
        ...(classifier.classNames?.[label] !== undefined && { name: classifier.classNames[label]! }),
        probability: confidence,
      }))
      const singles = decided.map((_, i) => takeRows(pictures, [i]))
      results.push({
        objective: objective.name,
        before,
        after,
        predicted,
        files: await Promise.all(
          singles.map((one, i) => written(one, `${k}-${objective.name}-${i}`, flags.out)),
        ),
      })
      rows.push({
        title: objective.name,
        images: singles.map((one, i) => ({
          pixels: one.data as Float32Array,
          shape: one.dims.slice(1) as [number, number, number],
          caption: `${predicted[i]!.name ?? `class ${predicted[i]!.label}`} ${(100 * predicted[i]!.probability).toFixed(0)} %`,
        })),
      })
    }
    display.end()
    const figure = join(flags.out, 'visualise.svg')
    await writeFileAtomic(
      figure,
      imageGrid({ title: `What ${path.split('/').at(-1)} looks for, by ${way.name}`, rows }),
    )
    const report = {
      model: path,
      seed: flags.seed,
      by: { name: way.name, reference: way.reference, options: way.options },
      results,
      figure,
      versions: versions(),
      out: flags.out,
    }
    await writeFileAtomic(join(flags.out, 'visualise.json'), JSON.stringify(report, null, 2))
    if (flags.json) return printJson(report)
    const table = results.flatMap((r) =>
      r.after.map((value, i) => [
        i ? '' : r.objective,
        `${r.before[i]!.toPrecision(3)} → ${value.toPrecision(3)}`,
        `${r.predicted[i]!.name ?? `class ${r.predicted[i]!.label}`} ${(100 * r.predicted[i]!.probability).toFixed(1)} %`,
        r.files[i]!.png,
      ]),
    )
    const heads = ['objective', 'value', 'the model says', 'picture'].map((title) => ({ title }))
    process.stdout.write(`${columns(heads, table)}\n`)
  } finally {
    display.end()
    await engine.close()
  }
}

async function opened(
  path: string,
  files: readonly string[],
  flags: VisualiseFlags,
  engine: Engine,
  voice: Talk,
): Promise<{ readonly classifier: Classifier; readonly from?: NDArray }> {
  if (files.length) {
    const { classifier, inputs } = await openInputs(path, files, flags, engine, voice)
    return { classifier, from: stack(inputs.map((i) => i.x)) }
  }
  const conventions = conventionsOf(path, flags)
  const names = conventions.labels ? readClassIndex(conventions.labels).names : undefined
  const classifier = await classifierOf(await openModel(path, flags), {
    ...conventions,
    name: path,
    bounds: boundsOf(conventions, true),
    classNames: outputNames(conventions, names),
    engine,
  })
  return { classifier }
}

/** An objective of the library, classes as labels of the data; and `direction:FILE.npy[@LAYER]`. */
async function objectiveOf(text: string, classifier: Classifier): Promise<VisualObjective> {
  const [, label] = /^class:(\d+)$/.exec(text) ?? []
  if (label !== undefined)
    return { ...classObjective(outputOf(classifier, '--visualise class', Number(label))), name: text }
  const [, file, layer] = /^direction:(.+?\.npy)(?:@(.+))?$/.exec(text) ?? []
  if (file === undefined) return parseObjective(text)
  const { dims, rows } = await openNpy(file)
  if (dims.filter((d) => d !== 1).length > 1)
    throw new VisualiseError(`${file}: holds [${dims.join(', ')}], no vector`)
  return direction(Array.from(await rows(0, dims[0] ?? 1), Number), layer, text)
}

async function written(picture: NDArray, name: string, out: string) {
  const base = join(out, name.replaceAll(/[^\w.=-]+/g, '-'))
  const files = { png: `${base}.png`, npy: `${base}.npy` }
  await writePng(files.png, picture)
  await writeNpy(files.npy, { ...picture, dims: picture.dims.slice(1) })
  return files
}
