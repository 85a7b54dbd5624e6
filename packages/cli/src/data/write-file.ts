/** Writes files so that a reader, or an interrupted run, never finds half of one. */
import { randomBytes } from 'node:crypto'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fromSystemError } from '../errors.ts'

/**
 * Writes a file under another name in the same folder, then renames it. Makes the folder if it is missing.
 *
 * @param parts written one after the other
 * @throws UsageError with the reason if there is no space or no permission; nothing is left behind then
 */
export async function writeFileAtomic(path: string, parts: string | readonly Uint8Array[]): Promise<void> {
  const temporary = `${path}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`
  try {
    await mkdir(dirname(path), { recursive: true })
    const handle = await open(temporary, 'wx')
    try {
      for (const part of typeof parts === 'string' ? [parts] : parts) await handle.appendFile(part)
    } finally {
      await handle.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined)
    throw fromSystemError(error, `write ${path}`)
  }
}
