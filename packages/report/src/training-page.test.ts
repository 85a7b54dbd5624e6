import { Window } from 'happy-dom'
import { describe, expect, test } from 'vitest'
import { parse } from './figures/figures.test.kit.ts'
import { renderTrainingPage, trainingFigures } from './training-page.ts'

const epochs = [
  { epoch: 1, loss: 2, accuracy: 0.5, heldOut: 0.6, robust: 0.2 },
  { epoch: 2, loss: 1, accuracy: 0.7, heldOut: 0.8, robust: 0 },
]
const page = {
  title: 'a <run>',
  epochs,
  planned: 10,
  attack: 'PGD-10',
  ended: false,
  command: 'saddle train',
}
const pointsOf = (svg: string) => [...parse(svg).querySelectorAll('.series title')].map((t) => t.textContent)
const shown = (text: string) => {
  const { document } = new Window({ settings: { disableJavaScriptEvaluation: true } })
  document.write(text)
  return document
}

describe('trainingFigures', () => {
  test('has every point of loss and accuracies', () => {
    const [loss, accuracy] = trainingFigures(page).map(pointsOf)
    expect(loss).toEqual(['loss: 2 at 1', 'loss: 1 at 2'])
    expect(accuracy).toEqual([
      'trained on: 50 at 1',
      'trained on: 70 at 2',
      'held out: 60 at 1',
      'held out: 80 at 2',
      'held out, PGD-10: 20 at 1',
      'held out, PGD-10: 0 at 2',
    ])
  })

  test('leaves out what was not measured, and is empty before the first epoch', () => {
    const bare = epochs.map(({ epoch, loss, accuracy }) => ({ epoch, loss, accuracy }))
    const [, accuracy] = trainingFigures({ ...page, epochs: bare })
    expect(pointsOf(accuracy!)).toEqual(['trained on: 50 at 1', 'trained on: 70 at 2'])
    expect(trainingFigures({ ...page, epochs: [] })).toEqual([])
  })
})

test('the page looks again until the run has ended, and quotes what it was given', () => {
  const document = shown(renderTrainingPage(page))
  expect(document.querySelector('meta[http-equiv=refresh]')).not.toBeNull()
  expect(document.querySelector('h1')!.textContent).toBe('a <run>')
  expect(document.querySelectorAll('figure')).toHaveLength(2)
  const ended = shown(renderTrainingPage({ ...page, ended: true }))
  expect(ended.querySelector('meta[http-equiv=refresh]')).toBeNull()
})
