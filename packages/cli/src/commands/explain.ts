/** `saddle explain`: what in a picture speaks for a class, by one method or several. */
import { takeRows, type NDArray } from '@saddlepoint/autodiff'
import { imageGrid, type GridRow } from '@saddlepoint/report'
import type { Command } from 'commander'
import { join } from 'node:path'
import {
  deletionInsertion,
  explanations,
  importance,
  objectiveForms,
  ways,
  infidelity,
  parseExplanation,
  randomisation,
  type Classifier,
  type ConfiguredExplanation,
  type Explanation,
} from 'saddlepoint'
import { stack } from '../attack-samples.ts'
import { columns, plural } from '../columns.ts'
import { writeFileAtomic, writeNpy, writePng } from '../data/index.ts'
import { UsageError } from '../errors.ts'
import { heatOf } from '../heat.ts'
import type { Input } from '../inputs.ts'
import { optionsOfSchema } from '../options-table.ts'
import { progressDisplay } from '../progress.ts'
import { versions } from '../versions.ts'
import { batchFor, engineOf } from './open.ts'
import { isPicture, openInputs, outputOf } from './open-inputs.ts'
import { commonFlags, count, integer, number, list, modelFlags, printJson, talk } from './shared.ts'
import { runVisualise, type VisualiseFlags } from './visualise.ts'

interface Flags extends VisualiseFlags {
  method?: string[]
  methods?: boolean
  class?: number
  of: string
  signed?: boolean
  measure: string[]
}

const MEASURES = ['deletion-insertion', 'infidelity', 'randomisation']
/** Where no method is named. */
const USUAL = ['gradient', 'smoothgrad', 'integrated-gradients', 'grad-cam']

const gather = (text: string, before: string[] | undefined) => [
  ...(before ?? []),
  ...text.split(/\s+/).filter(Boolean),
]

export function explainCommand(program: Command): void {
  const command = program
    .command('explain')
    .description(
      'show what in given pictures or arrays speaks for a class; writes heat maps, arrays and JSON',
    )
    .argument('[model]', 'ONNX file (.onnx or .onnx.gz)')
    .argument('[inputs...]', 'picture files, or .npy of one sample or a batch')
    .option(
      '--method <names>',
      `methods with options, such as smoothgrad:n=100; may be repeated (default: ${USUAL.join(' ')})`,
      gather,
    )
    .option('--methods', 'list the methods and their options')
    .option('--class <n>', "class to explain; the model's own prediction if absent", integer)
    .option('--of <what>', 'what of the class: score, probability, or a loss such as cross-entropy', 'score')
    .option('--signed', 'draw slopes with their signs, summed over channels, in place of their sizes')
    .option('--measure <names>', `how good the explanations are: ${MEASURES.join(', ')}`, list, [])
    .option(
      '--visualise <objectives>',
      `make pictures that bring something out, from noise or the given pictures: ${objectiveForms.join(', ')}, direction:FILE.npy[@LAYER]`,
      gather,
    )
    .option(
      '--by <way>',
      `how: ${[...ways.keys()].join(', ')}, with options such as ball:eps=10,steps=60`,
      'fourier',
    )
    .option('--count <n>', 'pictures for each objective, where they start from noise', count, 1)
    .option('--diversity <weight>', 'what it costs them to be alike', number, 0)
    .option('-o, --out <folder>', 'where files are written', 'explanations')
  commonFlags(modelFlags(command)).action(run)
}

async function run(path: string | undefined, files: string[], flags: Flags): Promise<void> {
  if (flags.methods) return listMethods(flags)
  if (path !== undefined && flags.visualise) return runVisualise(path, files, flags)
  if (path === undefined || !files.length)
    throw new UsageError('explain needs a model and something to explain', {
      hint: 'saddle explain MODEL.onnx PICTURE.png; saddle explain --methods lists the methods',
    })
  const unknown = flags.measure.find((m) => !MEASURES.includes(m))
  if (unknown)
    throw new UsageError(`there is no measure "${unknown}"`, { hint: `there are ${MEASURES.join(', ')}` })
  const methods = new Map((flags.method ?? USUAL).map((text) => [text, parseExplanation(text)]))
  const voice = talk(flags)
  const engine = engineOf(flags, voice)
  const display = progressDisplay(flags.quiet)
  try {
    const { classifier, inputs, skipped } = await openInputs(path, files, flags, engine, voice)
    if (!flags.method && !hasMaps(classifier, inputs)) methods.delete('grad-cam')
    const x = stack(inputs.map((i) => i.x))
    const scores = await classifier.predict(x)
    const predicted = classifier.decide(scores)
    const chosen = flags.class === undefined ? undefined : outputOf(classifier, '--class', flags.class)
    const classes = predicted.map((d) => chosen ?? d.label)
    const control = { seed: flags.seed, batchSize: flags.batch ?? batchFor(classifier.shape) }
    const found: Found[] = []
    for (const [text, method] of methods) {
      display.update({ stage: text, done: found.length, total: methods.size })
      const explanation = await method.explain(classifier, x, { ...control, classes, of: flags.of })
      const measures = await measured(flags, classifier, x, method, explanation, control)
      found.push({ text, method, explanation, measures })
    }
    display.end()
    const results = await Promise.all(
      inputs.map(async ({ source, name }, i) => ({
        input: source,
        class: classes[i]!,
        ...named(classifier, classes[i]!),
        predicted: { label: predicted[i]!.label, probability: predicted[i]!.confidence },
        methods: Object.fromEntries(
          await Promise.all(
            found.map(async (f) => [
              f.text,
              { ...(await written(f, inputs[i]!, i, name, flags)), ...numbersOf(f, i) },
            ]),
          ),
        ) as Record<string, MethodResult>,
      })),
    )
    const figure = isPicture(x) ? await sideBySide(classifier, inputs, classes, found, flags) : undefined
    const report = {
      model: path,
      seed: flags.seed,
      of: flags.of,
      methods: found.map(({ text, method: { name, reference, options }, measures }) => ({
        as: text,
        name,
        reference,
        options,
        ...(measures.randomisation && { randomisation: measures.randomisation }),
      })),
      results,
      ...(figure && { figure }),
      skipped,
      versions: versions(),
      out: flags.out,
    }
    await writeFileAtomic(join(flags.out, 'explain.json'), JSON.stringify(report, null, 2))
    if (flags.json) return printJson(report)
    process.stdout.write(
      `${tableOf(results, found)}\n\n${plural(results.length, 'input')}; files in ${flags.out}\n`,
    )
  } finally {
    display.end()
    await engine.close()
  }
}

interface Measures {
  readonly curves?: Awaited<ReturnType<typeof deletionInsertion>>
  readonly infidelity?: Awaited<ReturnType<typeof infidelity>>
  readonly randomisation?: Awaited<ReturnType<typeof randomisation>>
}

/** What one method says of all inputs. */
interface Found {
  /** As it was asked for. */
  readonly text: string
  readonly method: ConfiguredExplanation
  readonly explanation: Explanation
  readonly measures: Measures
}

interface MethodResult extends Readonly<Record<string, unknown>> {
  readonly files: Readonly<Record<string, string>>
}

/** Whether Grad-CAM has something to look at. */
const hasMaps = ({ model }: Classifier, inputs: readonly Input[]) =>
  isPicture(inputs[0]!.x) && model.source.graph.nodes.some((n) => n.op === 'Conv')

async function measured(
  { measure, of }: Flags,
  classifier: Classifier,
  x: NDArray,
  method: ConfiguredExplanation,
  explanation: Explanation,
  control: { readonly seed: number; readonly batchSize: number },
): Promise<Measures> {
  const { classes } = explanation
  return {
    ...(measure.includes('deletion-insertion') && {
      curves: await deletionInsertion(classifier, x, explanation, control),
    }),
    ...(measure.includes('infidelity') && {
      infidelity: await infidelity(classifier, x, explanation, { ...control, of }),
    }),
    ...(measure.includes('randomisation') && {
      randomisation: await randomisation(method, classifier, x, { ...control, classes, of }),
    }),
  }
}

/** Numbers of one input, by name. */
function numbersOf({ explanation: { figures }, measures }: Found, i: number) {
  const { curves, infidelity: infidelities } = measures
  return {
    ...Object.fromEntries(Object.entries(figures).map(([key, values]) => [key, values[i]!])),
    ...(curves && { deletion: curves[i]!.deletion, insertion: curves[i]!.insertion }),
    ...infidelities?.[i],
  }
}

/** One value for each pixel: parts of the score as they are, slopes by their sizes unless signs are asked for. */
function mapOf({ attribution, unit }: Explanation, i: number, signed: boolean | undefined): Float32Array {
  const row = { attribution: takeRows(attribution, [i]), unit: signed ? ('part' as const) : unit }
  return importance(row).data as Float32Array
}

async function written(
  { text, explanation }: Found,
  { x }: Input,
  i: number,
  name: string,
  { out, signed }: Flags,
): Promise<MethodResult> {
  const base = join(out, `${name}.${text.replaceAll(/[^\w.=-]+/g, '-')}`)
  const row = takeRows(explanation.attribution, [i])
  const files: Record<string, string> = { npy: `${base}.npy` }
  await writeNpy(files['npy']!, { ...row, dims: row.dims.slice(1) })
  if (!isPicture(x)) return { files }
  const { heat, overlay } = heatOf(mapOf(explanation, i, signed), x)
  files['heat'] = `${base}.png`
  files['overlay'] = `${base}.overlay.png`
  await writePng(files['heat'], heat)
  await writePng(files['overlay'], overlay)
  return { files }
}

/** All methods for all inputs in one figure. */
async function sideBySide(
  classifier: Classifier,
  inputs: readonly Input[],
  classes: readonly number[],
  found: readonly Found[],
  { out, signed }: Flags,
): Promise<string> {
  const rows = inputs.map(({ x, name }, i): GridRow => {
    const [, ...shape] = x.dims as [number, number, number, number]
    const original = {
      pixels: x.data as Float32Array,
      shape,
      caption: classifier.classNames?.[classes[i]!] ?? `class ${classes[i]}`,
    }
    const maps = found.map(({ explanation }) => {
      const { heat } = heatOf(mapOf(explanation, i, signed), x)
      return { pixels: heat.data as Float32Array, shape: heat.dims as [number, number, number] }
    })
    return { title: name, images: [original, ...maps] }
  })
  const columnNames = ['input', ...found.map((f) => f.text)]
  const path = join(out, 'explain.svg')
  const width = Math.max(480, 140 + 160 * columnNames.length)
  await writeFileAtomic(
    path,
    imageGrid({
      title: `What speaks for the class, by ${plural(found.length, 'method')}`,
      columns: columnNames,
      rows,
      width,
    }),
  )
  return path
}

function named({ classNames }: Classifier, label: number): { readonly name?: string } {
  const name = classNames?.[label]
  return name === undefined ? {} : { name }
}

function tableOf(
  results: readonly {
    readonly input: string
    readonly class: number
    readonly name?: string
    readonly methods: Readonly<Record<string, MethodResult>>
  }[],
  found: readonly Found[],
): string {
  const rows = results.flatMap((r) =>
    found.map(({ text }, k) => [
      k ? '' : r.input,
      k ? '' : (r.name ?? String(r.class)),
      text,
      said(r.methods[text]!),
    ]),
  )
  const heads = ['input', 'class', 'method', ''].map((title) => ({ title }))
  const random = found.flatMap(({ text, measures }) =>
    (measures.randomisation ?? []).map((row, k) => [
      k ? '' : text,
      row.layer,
      row.correlation.toFixed(2),
      row.absolute.toFixed(2),
    ]),
  )
  if (!random.length) return columns(heads, rows)
  const layers = ['method', 'random from', 'rank correlation', 'of sizes'].map((title, i) => ({
    title,
    align: i > 1 ? ('right' as const) : ('left' as const),
  }))
  return `${columns(heads, rows)}\n\n${columns(layers, random)}`
}

/** The numbers of one method and input in a line. */
function said(result: MethodResult): string {
  const { sum, difference, deletion, insertion, unexplained } = result as Partial<Record<string, never>> & {
    sum?: number
    difference?: number
    deletion?: { auc: number }
    insertion?: { auc: number }
    unexplained?: number
  }
  const short = (v: number) => Number(v.toPrecision(4)).toString()
  return [
    ...(sum === undefined ? [] : [`adds up to ${short(sum)} of ${short(difference!)}`]),
    ...(deletion ? [`deletion ${short(deletion.auc)}, insertion ${short(insertion!.auc)}`] : []),
    ...(unexplained === undefined ? [] : [`unexplained ${(100 * unexplained).toFixed(1)} %`]),
  ].join('; ')
}

function listMethods({ json }: Flags): void {
  const all = [...explanations.values()].map(({ definition: { name, reference, options } }) => ({
    name,
    reference,
    options: optionsOfSchema(options),
  }))
  if (json) return printJson({ methods: all })
  const rows = all.flatMap(({ name, reference, options }) => [
    [name, '', '', reference],
    ...options.map((o) => ['', o.name, o.default === undefined ? '' : String(o.default), o.description]),
  ])
  process.stdout.write(
    `${columns(
      ['method', 'option', 'default', ''].map((title) => ({ title })),
      rows,
    )}\n`,
  )
}
