/** What a defence does to a sample before the model sees it. */
import { formatShape, round, stopGradient, type Tensor } from '@saddlepoint/autodiff'
import { ClassifierError } from '../model/errors.ts'

/** Pictures [N, C, H, W] with values in [0, 1] → the same, traced. */
export interface InputTransform {
  readonly name: string
  readonly reference: string
  /** Whether it draws random numbers. */
  readonly random: boolean
  (x: Tensor): Tensor
}

export function inputTransform(
  name: string,
  reference: string,
  f: (x: Tensor) => Tensor,
  { random = false }: { readonly random?: boolean } = {},
): InputTransform {
  const copy = (x: Tensor) => f(x)
  Object.defineProperty(copy, 'name', { value: name })
  return Object.assign(copy, { reference, random })
}

export interface RoundingOptions {
  /**
   * Whether the backward pass takes rounding for the identity (Athalye, Carlini, Wagner 2018, section 4.1), whose derivative is zero:
   * how an attack sees through it.
   * @default true
   */
  readonly straightThrough?: boolean
}

export const rounded = (x: Tensor, { straightThrough = true }: RoundingOptions = {}) =>
  straightThrough ? x.add(stopGradient(round(x).sub(x))) : round(x)

/** @throws ClassifierError for samples that are no pictures */
export function picture(x: Tensor, what: string): [n: number, c: number, h: number, w: number] {
  if (x.rank !== 4)
    throw new ClassifierError(
      `${what} is for pictures [C, H, W], not for samples ${formatShape(x.shape.slice(1))}`,
    )
  return x.shape as [number, number, number, number]
}
