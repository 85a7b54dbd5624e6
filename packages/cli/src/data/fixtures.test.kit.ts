/** Small files and folders for the tests of this directory. */
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import sharp from 'sharp'
import { afterAll, expect } from 'vitest'
import { UsageError } from '../errors.ts'

const made: string[] = []
afterAll(async () => {
  for (const folder of made) await rm(folder, { recursive: true, force: true })
})

/** A temporary folder with the given files; removed after the tests. */
export async function folderWith(files: Record<string, Uint8Array | string>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'saddle-data-'))
  made.push(folder)
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await writeFile(join(folder, name), content)
  }
  return folder
}

type Colour = readonly [red: number, green: number, blue: number]

export async function solid(
  [r, g, b]: Colour,
  width = 8,
  height = 6,
  format: 'png' | 'jpeg' | 'webp' = 'png',
): Promise<Buffer> {
  const image = sharp({ create: { width, height, channels: 3, background: { r, g, b } } })
  return image.toFormat(format, format === 'webp' ? { lossless: true } : {}).toBuffer()
}

/** The picture that golden values were computed on: (7x + 13y + 5 (xy mod 31)) mod 256. */
export function pattern(width: number, height: number): Uint8Array {
  return Uint8Array.from({ length: width * height }, (_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)]
    return x * 7 + y * 13 + ((x * y) % 31) * 5
  })
}

/** Expects a UsageError whose message and hint, put together, match. */
export async function expectUsage(work: Promise<unknown> | (() => unknown), expected: RegExp): Promise<void> {
  const error = await (async () => (typeof work === 'function' ? work() : work))().then(
    () => undefined,
    (e: unknown) => e,
  )
  expect(error).toBeInstanceOf(UsageError)
  const { message, hint } = error as UsageError
  expect(message).not.toContain('\n')
  expect(`${message} | ${hint ?? ''}`).toMatch(expected)
}

/** The folder of real data, or undefined where it is absent. */
export function realData(): string | undefined {
  const folder = process.env.SADDLE_DATA ?? resolve(import.meta.dirname, '../../../../../shared/data')
  if (existsSync(folder)) return folder
  console.warn(`SKIPPED: no real data at ${folder}; set SADDLE_DATA to test with them`)
  return undefined
}
