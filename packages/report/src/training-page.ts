/** The page of a training run: its curves so far. */
import { htmlDocument, madeBy, type Generator } from './document.ts'
import { lineChart, type LineSeries } from './figures/index.ts'
import { inline } from './figures/svg.ts'
import { html } from './html.ts'

/** One epoch; accuracies are shares in [0, 1]. */
export interface TrainingEpoch {
  readonly epoch: number
  /** Mean over the epoch. */
  readonly loss: number
  /** On what was trained on, such as perturbed samples. */
  readonly accuracy: number
  /** Of held-out samples as they are, and under attack. */
  readonly heldOut?: number
  readonly robust?: number
}

export interface TrainingPage {
  readonly title: string
  readonly epochs: readonly TrainingEpoch[]
  /** Epochs that the run is to have. */
  readonly planned: number
  /** What held-out samples are attacked by, such as `PGD-10 on 1,000 samples`. */
  readonly attack?: string
  /** Whether nothing more will come: until then the page loads itself anew every few seconds. */
  readonly ended: boolean
  readonly command: string
  readonly generator?: Generator
}

/** Seconds after which an open page of a run that goes on looks again. */
const REFRESH = 5

/** Loss, and the accuracies, over the epochs: two figures as standalone SVG, none before the first epoch. */
export function trainingFigures({
  epochs,
  planned,
  attack,
}: Pick<TrainingPage, 'epochs' | 'planned' | 'attack'>): string[] {
  if (!epochs.length) return []
  const x = { title: 'Epoch', domain: [0, Math.max(planned, epochs.at(-1)!.epoch)] as [number, number] }
  const series = (name: string, value: (epoch: TrainingEpoch) => number | undefined): LineSeries => ({
    name,
    points: epochs.map((one) => ({ x: one.epoch, y: value(one) ?? Number.NaN })),
  })
  const accuracies = [
    series('trained on', ({ accuracy }) => 100 * accuracy),
    series('held out', ({ heldOut }) => heldOut && 100 * heldOut),
    series(attack ? `held out, ${attack}` : 'held out, attacked', ({ robust }) => robust && 100 * robust),
  ].filter(({ points }) => points.some(({ y }) => Number.isFinite(y)))
  return [
    lineChart({ title: 'Loss', x, y: { title: 'Mean loss' }, series: [series('loss', ({ loss }) => loss)] }),
    lineChart({
      title: 'Accuracy',
      x,
      y: { title: 'Accuracy', unit: '%', domain: [0, 100] },
      series: accuracies,
    }),
  ]
}

export function renderTrainingPage(page: TrainingPage): string {
  const { title, epochs, planned, ended, command, generator } = page
  const made = madeBy(generator)
  const figures = trainingFigures(page)
  return htmlDocument(
    title,
    generator,
    html`<header>
        <h1>${title}</h1>
        <p class="muted">
          ${epochs.at(-1)?.epoch ?? 0} of ${planned} epochs${ended ? '' : ', still training'}
        </p>
      </header>
      <main>
        ${figures.map(
          (svg) =>
            html`<figure class="plate">
              <div class="scroll" role="region" tabindex="0" aria-label="Figure">${inline(svg)}</div>
            </figure>`,
        )}
        <pre><code>${command}</code></pre>
      </main>
      ${made !== undefined && html`<footer>Made by ${made}.</footer>`}`,
    ended ? undefined : REFRESH,
  )
}
