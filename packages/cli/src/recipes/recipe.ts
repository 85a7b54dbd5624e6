/** What an experiment of the literature is to `saddle recipe`: what it needs, and what it hands back. */
import type { Engine } from '@saddlepoint/autodiff'
import type { TrainingData } from 'saddlepoint'
import type { Opened } from '../commands/open.ts'
import type { Dataset, LoadOptions } from '../data/index.ts'
import type { Measurement } from './measurement.ts'

/** Listed without loading the experiment itself. */
export interface RecipeCard {
  readonly name: string
  /** What it shows, in one line. */
  readonly title: string
  /** Rows of the list of experiments in `README.md` beside this file: A4, B5. */
  readonly covers: readonly string[]
  /** Author, year, title of what it repeats. */
  readonly source: string
  /** Data sets by name that the whole of it needs. */
  readonly data: readonly string[]
  /** Seconds it takes on two cores, about. */
  readonly seconds: { readonly full: number; readonly fast: number }
  load(): Promise<Recipe>
}

export type Recipe = (kitchen: Kitchen) => Promise<Findings>

/** What an experiment works with. */
export interface Kitchen {
  /** Whether the small version is asked for, which still shows the effect. */
  readonly fast: boolean
  /** Whoever makes random choices repeats them for each of these. */
  readonly seeds: readonly number[]
  readonly engine: Engine
  /**
   * A file or folder below one of the places where data are looked for: `models/mnist/…`, `photos/imagenet`.
   *
   * @throws UsageError if it is in none of them
   */
  find(path: string): string
  /** A model file with its sidecar's conventions, and data as it takes them, both by path or name. */
  open(
    model: string,
    data: string,
    options?: Pick<LoadOptions, 'limit' | 'offset' | 'split'>,
  ): Promise<Opened>
  /** Whether a data set with a name, or a path that `find` takes, can be found. */
  has(name: string): boolean
  /** A data set by name or path. @throws UsageError if it is not there */
  data(name: string, options?: LoadOptions): Promise<Dataset>
  /** The same, in memory, as training takes it. */
  training(name: string, options?: LoadOptions): Promise<TrainingData>
  /** A message for a person. */
  say(message: string): void
  progress(stage: string, done: number, total: number): void
  /** Aborts on Ctrl-C; long loops ask it. */
  readonly signal: AbortSignal
  /**
   * The result of a long step, taken from the folder if an earlier run of the recipe finished it with the same settings.
   *
   * @param name of the file it is kept in, without its ending
   * @param settings everything the result depends on beside the versions of the code
   */
  once<T>(name: string, settings: unknown, make: () => Promise<T>): Promise<T>
  /** Keeps a file beside the page; returns its path. */
  write(name: string, content: string | Uint8Array): Promise<string>
}

export interface Findings {
  /** Paragraphs before the figures: what was done, on which data, and what came out. */
  readonly prose: readonly string[]
  readonly numbers: readonly Measurement[]
  readonly figures: readonly Figure[]
  /** More for the JSON: curves, tables, whatever a figure was drawn from. */
  readonly details?: Readonly<Record<string, unknown>>
}

export interface Figure {
  /** File name without its ending. */
  readonly name: string
  readonly caption: string
  /** A whole SVG document. */
  readonly svg: string
}
