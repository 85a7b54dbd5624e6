/** What the command gives an experiment to work with. */
import type { Engine } from '@saddlepoint/autodiff'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { dataFolders, namedSets } from '../builtin.ts'
import { openBoth } from '../commands/open.ts'
import { loadDataset, writeFileAtomic, type Dataset, type LoadOptions } from '../data/index.ts'
import { UsageError } from '../errors.ts'
import type { ProgressDisplay } from '../progress.ts'
import { splitData } from '../train-data.ts'
import type { Kitchen } from './recipe.ts'

export interface KitchenOptions {
  readonly fast: boolean
  readonly seeds: readonly number[]
  readonly engine: Engine
  readonly folder: string
  readonly signal: AbortSignal
  readonly display: ProgressDisplay
  say(message: string): void
}

const below = (path: string): string | undefined =>
  dataFolders()
    .map((folder) => join(folder, path))
    .find((full) => existsSync(full))

interface Kept<T> {
  readonly key: string
  readonly value: T
  readonly seconds?: number
}

/** A kitchen that knows how long the steps took that it took from earlier runs. */
export interface KeepingKitchen extends Kitchen {
  spared(): number
}

export function kitchen({ folder, display, say, ...given }: KitchenOptions): KeepingKitchen {
  let spared = 0
  const data = (name: string, options: LoadOptions = {}): Promise<Dataset> => loadDataset(name, options)
  return {
    ...given,
    spared: () => spared,
    say: (message) => {
      display.end()
      say(message)
    },
    progress: (stage, done, total) => display.update({ stage, done, total }),
    has: (name) => namedSets.some((set) => set.name === name && set.find()) || below(name) !== undefined,
    find: (path) => {
      const found = below(path)
      if (found) return found
      throw new UsageError(`this recipe needs ${path}, which is not on this machine`, {
        hint: `put it below data/, or set SADDLE_DATA to the folder that holds ${path}`,
      })
    },
    open: (model, data, options) =>
      openBoth(model, { data, provider: 'cpu', seed: 0, ...options }, given.engine, { say, warn: say }),
    data,
    training: async (name, options) =>
      (await splitData(await data(name, { split: 'train', ...options }), 0, 0)).train,
    once: async <T>(name: string, settings: unknown, make: () => Promise<T>) => {
      const path = join(folder, 'kept', `${name}.json`)
      const key = JSON.stringify(settings)
      const before = existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Kept<T>) : undefined
      if (before?.key === key) {
        spared += before.seconds ?? 0
        return before.value
      }
      const began = performance.now()
      const value = await make()
      const seconds = (performance.now() - began) / 1000
      if (!given.signal.aborted) await writeFileAtomic(path, JSON.stringify({ key, seconds, value }))
      return value
    },
    write: async (name, content) => {
      const path = join(folder, name)
      await writeFileAtomic(path, typeof content === 'string' ? content : [content])
      return path
    },
  }
}
