/** What tells one file from another where runs are compared. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

/** Undefined for a file that cannot be read, which is told when it is opened. */
export function hashOf(path: string): string | undefined {
  try {
    return createHash('sha256').update(readFileSync(path)).digest('hex')
  } catch {
    return undefined
  }
}
