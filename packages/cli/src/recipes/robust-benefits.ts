/** What an adversarially trained classifier gives besides robustness, and what it does not: beside a standard one that is alike. */
import { anomalies } from './benefit-anomalies.ts'
import { trainedPair } from './benefit-pair.ts'
import { syntheses } from './benefit-synthesis.ts'
import { trade } from './benefit-trade.ts'
import { transfer } from './benefit-transfer.ts'
import { percent } from './measurement.ts'
import type { Findings, Kitchen } from './recipe.ts'

export async function robustBenefits(kitchen: Kitchen): Promise<Findings> {
  const pair = await trainedPair(kitchen)
  const made = await syntheses(kitchen, pair)
  const strange = await anomalies(kitchen, pair)
  const carried = await transfer(kitchen, pair)
  const traded = await trade(kitchen)
  return {
    prose: [
      'Two classifiers of drawn signs, alike but for their training, were put to four uses: making pictures, telling what they do not know, ' +
        'teaching other tasks, and being right. What one classifier makes was judged by a third, trained as usual on other pictures and right on ' +
        `${percent(made.judgeAccuracy)} of the test pictures. Radii and steps were set once, and not tuned.`,
      'That a standard classifier is sure of what it made itself means nothing: it is sure of any noise that it climbed to. A judge that ' +
        'knows neither is asked instead.',
      'The numbers stand as they came out, also where the robust classifier is not the better one.',
    ],
    numbers: [...made.numbers, ...strange.numbers, ...carried.numbers, ...traded.numbers],
    figures: [...made.figures, strange.figure, ...carried.figures, traded.figure],
  }
}
