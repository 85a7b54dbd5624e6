/** Draws many signs on worker threads. */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { signBatch } from 'saddlepoint'

/** Small pieces, so that no thread is left with all the slow pictures. */
const PIECE = 256
const PIXELS = 3 * 32 * 32

/** @returns images, uint8 [count, 3, 32, 32]; labels, int64 [count]; floats(from, to), float32 in [0, 1] */
export async function drawSigns({ seed, count, threads }) {
  const images = new Uint8Array(count * PIXELS)
  const labels = new BigInt64Array(count)
  let next = 0
  const place = ({ from, pixels, classes }) => {
    images.set(pixels, from * PIXELS)
    labels.set(classes, from)
  }
  const draw = () =>
    new Promise((resolve, reject) => {
      const worker = new Worker(new URL(import.meta.url), { workerData: { drawsSigns: true } })
      const ask = () => {
        if (next >= count) return resolve(worker.terminate())
        // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
        worker.postMessage({ seed, from: next, count: Math.min(PIECE, count - next) })
        next += PIECE
      }
      worker.on('message', (piece) => {
        place(piece)
        ask()
      })
      worker.on('error', reject)
      ask()
    })
  await Promise.all(Array.from({ length: Math.min(threads, Math.ceil(count / PIECE)) }, draw))
  return {
    images: { type: 'uint8', dims: [count, 3, 32, 32], data: images },
    labels: { type: 'int64', dims: [count], data: labels },
    floats: (from, to) => ({
      type: 'float32',
      dims: [to - from, 3, 32, 32],
      data: Float32Array.from(images.subarray(from * PIXELS, to * PIXELS), (v) => v / 255),
    }),
  }
}

if (!isMainThread && workerData?.drawsSigns)
  parentPort.on('message', (request) => {
    const { images, labels } = signBatch(request)
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    parentPort.postMessage({ from: request.from, pixels: images.data, classes: labels.data })
  })
