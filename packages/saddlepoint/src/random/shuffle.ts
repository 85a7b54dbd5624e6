/** Random orders: Durstenfeld 1964, algorithm 235. */
import type { Random } from './philox.ts'

/** 0 … n − 1 in a random order. */
export function shuffled(n: number, random: Random): Uint32Array {
  const order = Uint32Array.from({ length: n }, (_, i) => i)
  for (let i = n - 1; i > 0; i--) {
    const j = random.integer(i + 1)
    ;[order[i], order[j]] = [order[j]!, order[i]!]
  }
  return order
}
