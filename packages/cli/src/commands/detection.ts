/** Flags that `detect` and `guard` share. */
import { batchFor } from './open.ts'
import { Option, type Command } from 'commander'
import { detectors, parseDetector, parseFraction, type Target } from 'saddlepoint'
import { UsageError } from '../errors.ts'

/** Adds `--detector`. */
export function detectorFlag(command: Command): Command {
  return command.addOption(
    new Option(
      '--detector <name>',
      `detector with options (mahalanobis:layer=NAME): ${[...detectors.keys()].join(', ')}`,
    )
      .argParser((text) => parseDetector(text))
      .makeOptionMandatory(),
  )
}

/** A false-positive rate. */
export function rate(text: string): number {
  const value = parseFraction(text)
  if (value === undefined || !(value > 0 && value < 1))
    throw new UsageError(`"${text}" is no false-positive rate`, {
      hint: 'write a share between 0 and 1, such as 0.05',
    })
  return value
}

/** Samples at a time. */
export const batchOf = (model: Target, batch: number | undefined): number => batch ?? batchFor(model.shape)
