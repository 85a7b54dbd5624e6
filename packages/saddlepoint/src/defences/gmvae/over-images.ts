/** Traced functions over pictures in memory, a few at a time. */
import {
  batched,
  compile,
  rows,
  sizeOf,
  float32,
  type Engine,
  type NDArray,
  type Tensor,
  joinRows,
} from '@saddlepoint/autodiff'
import { readSample } from '../../training/batches.ts'

/**
 * The function's values, one row for each picture.
 *
 * @param images [N, …]; uint8 pixels stand for their 255th part
 */
export async function overImages<K extends string>(
  engine: Engine,
  images: NDArray,
  f: (x: Tensor) => Record<K, Tensor>,
  size = 64,
): Promise<Record<K, NDArray>> {
  const [count, ...shape] = images.dims as [number, ...number[]]
  const run = compile(f, { engine, specs: [batched(shape)] })
  try {
    const starts = Array.from({ length: Math.ceil(count / size) }, (_, i) => i * size)
    const parts = await Promise.all(
      starts.map(
        (from) =>
          run(floats(rows(images, from, Math.min(from + size, count)))) as Promise<Record<K, NDArray>>,
      ),
    )
    const names = Object.keys(parts[0]!) as K[]
    return Object.fromEntries(names.map((name) => [name, joinRows(parts.map((p) => p[name]))])) as Record<
      K,
      NDArray
    >
  } finally {
    await run.release()
  }
}

function floats(images: NDArray): NDArray {
  const [count, ...shape] = images.dims as [number, ...number[]]
  const stride = sizeOf(shape)
  const data = new Float32Array(count * stride)
  for (let i = 0; i < count; i++) readSample(images, i, data.subarray(i * stride, (i + 1) * stride))
  return float32(images.dims, data)
}
