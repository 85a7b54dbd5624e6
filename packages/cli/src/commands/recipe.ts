/** `saddle recipe`: experiments of the literature, each run by one command, its figures beside the published ones. */
import { createEngine } from '@saddlepoint/autodiff'
import { renderRecipePage } from '@saddlepoint/report'
import type { Command } from 'commander'
import { join } from 'node:path'
import pc from 'picocolors'
import { namedSets } from '../builtin.ts'
import { columns } from '../columns.ts'
import { writeFileAtomic } from '../data/index.ts'
import { UsageError } from '../errors.ts'
import { Interrupted } from '../outcome.ts'
import { progressDisplay } from '../progress.ts'
import { kitchen } from '../recipes/kitchen.ts'
import type { Measurement } from '../recipes/measurement.ts'
import type { Findings, RecipeCard } from '../recipes/recipe.ts'
import { findRecipe, recipes } from '../recipes/registry.ts'
import { versions } from '../versions.ts'
import { commonFlags, count, printJson, stopOnCtrlC, talk, type CommonFlags } from './shared.ts'

interface Flags extends CommonFlags {
  fast?: boolean
  runs?: number
  out?: string
  workers?: number
  threads?: number
}

export function recipeCommand(program: Command): void {
  const command = program
    .command('recipe')
    .description('run an experiment of the literature; without a name, list them')
    .argument('[name]', 'which one')
    .option('--fast', 'a small version that still shows the effect')
    .option('--runs <n>', 'seeds to repeat it for, from --seed on; 3, or 1 with --fast, if absent', count)
    .option('--out <folder>', 'where the page and its figures go; recipes/NAME if absent')
    .option('--threads <n>', 'threads inside one session', count)
    .option('--workers <n>', 'worker threads, each with a session', count)
  commonFlags(command).action(async (name: string | undefined, flags: Flags) => {
    if (name === undefined) list(flags)
    else await run(cardOf(name), flags)
  })
}

function cardOf(name: string): RecipeCard {
  const card = findRecipe(name)
  if (card) return card
  throw new UsageError(`no recipe is called ${name}`, { hint: recipes.map((r) => r.name).join(', ') })
}

function list({ json }: Flags): void {
  if (json) return printJson({ recipes: recipes.map((card) => ({ ...card, load: undefined })) })
  const rows = recipes.map(({ name, covers, title, seconds }) => [
    name,
    ranges(covers),
    duration(seconds.full),
    duration(seconds.fast),
    title,
  ])
  const heads = ['name', 'row', 'takes', '--fast', 'shows'].map((title) => ({ title }))
  process.stdout.write(`${columns(heads, rows)}\n`)
}

/** C1, C2, C3 as C1–C3. */
const ranges = (covers: readonly string[]): string => {
  const follows = (a: string | undefined, b: string) =>
    a !== undefined && a[0] === b[0] && Number(b.slice(1)) === Number(a.slice(1)) + 1
  const runs = covers.reduce<string[][]>((all, row) => {
    const last = all.at(-1)
    return follows(last?.at(-1), row) ? [...all.slice(0, -1), [...last!, row]] : [...all, [row]]
  }, [])
  return runs.map((r) => (r.length > 2 ? `${r[0]}–${r.at(-1)}` : r.join(', '))).join(', ')
}

const duration = (seconds: number) =>
  seconds < 90
    ? `${seconds} s`
    : seconds < 5400
      ? `${Math.round(seconds / 60)} min`
      : `${Math.round(seconds / 3600)} h`

/** What the JSON holds beside the paths. */
interface Ran {
  readonly recipe: string
  readonly fast: boolean
  readonly seeds: readonly number[]
  readonly seconds: number
  readonly details?: Findings['details']
  readonly numbers: readonly Measurement[]
  readonly versions: Readonly<Record<string, string>>
}

async function run(card: RecipeCard, flags: Flags): Promise<void> {
  const { fast = false, seed, quiet } = flags
  const seeds = Array.from({ length: flags.runs ?? (fast ? 1 : 3) }, (_, i) => seed + i)
  const folder = flags.out ?? join('recipes', fast ? `${card.name}-fast` : card.name)
  for (const name of card.data) requireData(name)
  const { say } = talk(flags)
  const signal = stopOnCtrlC(say)
  const engine = createEngine({ workers: flags.workers, threads: flags.threads, onNotice: say })
  const display = progressDisplay(quiet)
  const began = performance.now()
  const place = kitchen({ fast, seeds, engine, folder, signal, display, say })
  let findings: Findings
  try {
    const cook = await card.load()
    findings = await cook(place)
  } finally {
    display.end()
    await engine.close()
  }
  if (signal.aborted)
    throw new Interrupted(`stopped before ${card.name} was done; files it wrote are in ${folder}`)
  const result: Ran = {
    recipe: card.name,
    fast,
    seeds,
    seconds: place.spared() + (performance.now() - began) / 1000,
    ...(findings.details && { details: findings.details }),
    numbers: findings.numbers,
    versions: versions(),
  }
  const figures = findings.figures.map(({ name, svg }) => ({ path: join(folder, `${name}.svg`), svg }))
  for (const { path, svg } of figures) await writeFileAtomic(path, svg)
  const page = join(folder, 'index.html')
  await writeFileAtomic(page, pageOf(card, findings, result))
  const report = { ...result, figures: figures.map((f) => f.path), page }
  await writeFileAtomic(join(folder, 'result.json'), JSON.stringify(report, null, 2))
  if (flags.json) printJson(report)
  else process.stdout.write(`${table(findings.numbers)}\n\n${page}\n`)
}

function requireData(name: string): void {
  const set = namedSets.find((s) => s.name === name)
  if (set && set.find() === undefined)
    throw new UsageError(`this recipe needs the data set ${name}, which is not on this machine`, {
      hint: set.get,
    })
}

function pageOf(
  { title, source }: RecipeCard,
  { prose, figures, numbers }: Findings,
  { fast, seeds, seconds, versions: seen }: Pick<Ran, 'fast' | 'seeds' | 'seconds' | 'versions'>,
): string {
  return renderRecipePage({
    title: title[0]!.toUpperCase() + title.slice(1),
    lead: [...prose, `After ${source}.`],
    figures,
    numbers: numbers.map(({ what, unit = 'share', ...n }) => ({
      ...n,
      name: what,
      ...(unit === 'share' && { unit: '%' }),
    })),
    seeds,
    seconds,
    versions: seen,
    fast,
    command: `saddle ${process.argv.slice(2).join(' ')}`,
    generator: { name: 'Saddlepoint', version: seen['saddlepoint']! },
  })
}

function table(numbers: readonly Measurement[]): string {
  const rows = numbers.map((n) => [
    n.what,
    shown(n.ours, n.unit),
    n.interval ? n.interval.map((v) => shown(v, n.unit)).join(' to ') : '',
    n.published === undefined ? '' : shown(n.published, n.unit),
    n.mark ?? '',
    n.met === undefined ? '' : n.met ? pc.green('met') : pc.red('missed'),
  ])
  const heads = ['', 'ours', 'interval', 'published', 'mark', ''].map((title, i) => ({
    title,
    align: i && i < 4 ? ('right' as const) : undefined,
  }))
  return columns(heads, rows)
}

const shown = (value: number, unit: Measurement['unit'] = 'share') =>
  unit === 'share' ? `${(100 * value).toFixed(2)} %` : String(Number(value.toPrecision(4)))
