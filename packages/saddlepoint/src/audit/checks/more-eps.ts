/** Whether a larger ball lets an attack do more. */
import { fail, pass, warn, type Check } from '../check.ts'

/** Room for chance, in points of accuracy. */
const ROOM = 0.01

export const moreEps: Check = {
  name: 'more eps raises success',
  source: 'Carlini et al. 2019, section 4.4',
  cost: 'quick',
  async run({ results, field }) {
    if (field.options.cascade) return undefined
    const norms = [...new Set(results.map((r) => r.norm))]
    let compared = 0
    const problems: { fell: boolean; text: string }[] = []
    for (const norm of norms) {
      const rows = results.filter((r) => r.norm === norm).toSorted((a, b) => a.eps - b.eps)
      for (const [i, row] of rows.entries()) {
        const before = rows[i - 1]
        if (!before) continue
        for (const [name, { robustAccuracy }] of Object.entries(row.attacks)) {
          const less = before.attacks[name]?.robustAccuracy
          if (less === undefined || less === 0) continue
          compared++
          const text = `${name}: ${(100 * less).toFixed(1)} % at ${norm} ${before.eps.toPrecision(3)}, ${(100 * robustAccuracy).toFixed(1)} % at ${row.eps.toPrecision(3)}`
          if (robustAccuracy > less + ROOM) problems.push({ fell: true, text })
          else if (robustAccuracy >= less && row.eps >= 1.5 * before.eps) problems.push({ fell: false, text })
        }
      }
    }
    if (!compared) return undefined
    if (!problems.length) return pass(`${compared} pairs of radii`, 'attacks do more in larger balls')
    const worst = problems.find((p) => p.fell) ?? problems[0]!
    return (worst.fell ? fail : warn)(
      `robust accuracy does not fall: ${worst.text}`,
      'what works in a small ball works in a larger one around it: the attack gets lost',
      'more steps, restarts=5, another loss (dlr, scaled-cross-entropy), or apgd-ce',
    )
  },
}
