/** What an adversarially trained classifier gives besides robustness, and what it does not: beside a standard one that is alike. */
import { anomalies } from './benefit-anomalies.ts'
import { trainedPair } from './benefit-pair.ts'
import { syntheses } from './benefit-synthesis.ts'
import { trade } from './benefit-trade.ts'
import { transfer } from './benefit-transfer.ts'
import { percent, type Measurement } from './measurement.ts'
import type { Findings, Kitchen } from './recipe.ts'

export async function robustBenefits(kitchen: Kitchen): Promise<Findings> {
  const pair = await trainedPair(kitchen)
  const made = await syntheses(kitchen, pair)
  const strange = await anomalies(kitchen, pair)
  const carried = await transfer(kitchen, pair)
  const traded = await trade(kitchen)
  const numbers = [...made.numbers, ...strange.numbers, ...carried.numbers, ...traded.numbers]
  return {
    prose: [
      'Two classifiers of drawn signs, alike but for their training, were put to four uses: making pictures, telling what they do not know, ' +
        'teaching other tasks, and being right. What one classifier makes was judged by a third, trained as usual on other pictures and right on ' +
        `${percent(made.judgeAccuracy)} of the test pictures. Generation was not tuned; the radii of repairs were chosen on training pictures.`,
      'That a standard classifier is sure of what it made itself means nothing: it is sure of any noise that it climbed to. A judge that ' +
        'knows neither is asked instead.',
      verdict(numbers),
    ],
    numbers,
    figures: [...made.figures, strange.figure, ...carried.figures, traded.figure],
  }
}

/** How often the robust classifier is the better of the two, and where it is not. */
function verdict(numbers: readonly Measurement[]): string {
  const pairs = numbers.flatMap((robust) => {
    const standard = numbers.find(
      ({ id }) => id !== robust.id && id === robust.id.replace('robust', 'standard'),
    )
    return standard ? [{ robust, standard }] : []
  })
  // Of errors the lesser is the better one.
  const isBetter = ({ robust, standard }: (typeof pairs)[number]) =>
    robust.id.endsWith('-error') ? robust.ours < standard.ours : robust.ours > standard.ours
  const others = pairs.filter((pair) => !isBetter(pair))
  return (
    `Of ${pairs.length} comparisons with the standard classifier the robust one comes out ahead in ${pairs.length - others.length}` +
    (others.length
      ? `. It does not in these: ${others.map(({ robust, standard }) => `${robust.what} (${percent(robust.ours)} against ${percent(standard.ours)})`).join('; ')}.`
      : '.')
  )
}
