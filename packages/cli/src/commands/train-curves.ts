/** The curves of a training run as a page that is written anew after every epoch. */
import { renderTrainingPage } from '@saddlepoint/report'
import type { EpochRecord } from '../checkpoint.ts'
import { writeFileAtomic } from '../data/index.ts'
import { versions } from '../versions.ts'
import type { TrainFlags } from './train-flags.ts'

/** Steps of the PGD that held-out samples are attacked by after an epoch, and how many of them are: a share of its time. */
export const EPOCH_STEPS = 10
export const EPOCH_SAMPLES = 1000

/** Where the page is. */
export const curvesPath = ({ output }: TrainFlags): string => `${output.replace(/\.onnx$/, '')}.training.html`

export async function writeCurves(
  flags: TrainFlags,
  title: string,
  epochs: readonly EpochRecord[],
  ended: boolean,
): Promise<void> {
  const page = renderTrainingPage({
    title,
    epochs: epochs.map(({ epoch, loss, accuracy, validation }) => ({
      epoch,
      loss,
      accuracy,
      heldOut: validation?.clean,
      robust: validation?.attacked,
    })),
    planned: flags.epochs,
    attack: `PGD-${EPOCH_STEPS}`,
    ended,
    command: `saddle ${process.argv.slice(2).join(' ')}`,
    generator: { name: 'saddle', version: versions().saddlepoint },
  })
  await writeFileAtomic(curvesPath(flags), page)
}
