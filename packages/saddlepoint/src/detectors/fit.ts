/** A detector and its thresholds, from two halves of clean data. */
import type { EvaluationData } from '../evaluate/options.ts'
import { samples } from '../evaluate/campaign.ts'
import { ClassifierError } from '../model/errors.ts'
import type { Target } from '../model/target.ts'
import type { ConfiguredDetector, FitControl, FittedDetector } from './detector.ts'
import type { Threshold } from './measure.ts'
import { scoresOf } from './scores.ts'
import { thresholdAt } from './thresholds.ts'

/**
 * Fits on every other sample, and takes the thresholds from those in between: on what it has learned by heart a detector suspects too
 * little.
 *
 * @param data clean samples that are used for nothing else
 * @param rates false-positive rates
 * @throws ClassifierError if there are too few samples to tell the rates apart
 */
export async function fitWithThresholds(
  detector: ConfiguredDetector,
  model: Target,
  data: EvaluationData,
  rates: readonly number[],
  control: FitControl = {},
): Promise<{ readonly fitted: FittedDetector; readonly thresholds: readonly Threshold[] }> {
  const [learned, held] = [0, 1].map((first) => everyOther(data, first)) as [EvaluationData, EvaluationData]
  const finest = Math.min(...rates.filter((r) => r > 0))
  if (held.length * finest < 1)
    throw new ClassifierError(
      `${data.name}: half of ${data.length} samples is too few for a false-positive rate of ${finest}: ${Math.ceil(2 / finest)} or more are needed`,
    )
  const fitted = await detector.fit(model, learned, control)
  const scores = await scoresOf(fitted, model, held, control)
  return {
    fitted,
    thresholds: rates.map((falsePositiveRate) => ({
      falsePositiveRate,
      threshold: thresholdAt(scores, falsePositiveRate),
    })),
  }
}

/** Samples `first`, `first` + 2, …, in pairs of neighbours that are read together. */
function everyOther(data: EvaluationData, first: number): EvaluationData {
  const length = Math.floor((data.length + 1 - first) / 2)
  const indexOf = (i: number) => 2 * i + first
  return {
    name: data.name,
    length,
    labels: Array.from({ length }, (_, i) => data.labels[indexOf(i)]!),
    batch: (from, to) =>
      samples(
        data,
        Array.from({ length: to - from }, (_, i) => indexOf(from + i)),
      ),
  }
}
