/** Which classes the attacked samples were turned into. */
import type { EvaluationResult, ThreatResult } from 'saddlepoint'

export interface Flip {
  readonly from: number
  readonly to: number
  readonly samples: number
}

/** The most frequent changes of class under a threat, each sample counted once with its smallest perturbation. */
export const flips = (result: EvaluationResult, threat: ThreatResult, most = 5): Flip[] => {
  const counts = new Map<string, Flip>()
  for (const sample of result.samples) {
    if (sample.predicted !== sample.label) continue
    const found = Object.keys(threat.attacks)
      .map((attack) => sample.attacks[`${threat.norm}:${threat.eps}:${attack}`])
      .filter((outcome) => outcome?.success)
      .toSorted((a, b) => a!.size - b!.size)[0]
    if (!found) continue
    const key = `${sample.label}:${found.predicted}`
    const samples = (counts.get(key)?.samples ?? 0) + 1
    counts.set(key, { from: sample.label, to: found.predicted, samples })
  }
  return [...counts.values()].toSorted((a, b) => b.samples - a.samples).slice(0, most)
}
