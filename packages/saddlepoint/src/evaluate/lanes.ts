/** Work on several chunks of samples at once. */

/** Runs `work` on every chunk, `lanes` of them at a time, in order of their start; stops between chunks when aborted. */
export async function concurrently<T>(
  chunks: readonly T[],
  lanes: number,
  signal: AbortSignal | undefined,
  work: (chunk: T, index: number) => Promise<void>,
): Promise<void> {
  let next = 0
  const lane = async () => {
    while (next < chunks.length) {
      signal?.throwIfAborted()
      const index = next++
      await work(chunks[index]!, index)
    }
  }
  await Promise.all(Array.from({ length: lanes }, lane))
}

/** Consecutive pieces of at most `size`. */
export function chunked<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) =>
    items.slice(i * size, (i + 1) * size),
  )
}
