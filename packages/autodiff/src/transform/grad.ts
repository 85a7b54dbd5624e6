/** `grad`: from a function of tensors to its gradient, as a function of tensors. */
import { differentiate, type DifferentiateOptions } from '../tensor/differentiate.ts'
import { zerosLike } from '../tensor/layout.ts'
import { Tensor } from '../tensor/tensor.ts'

export type GradOptions = Omit<DifferentiateOptions, 'seed'>

type Arguments = readonly (Tensor | Readonly<Record<string, Tensor>>)[]
type GradientOf<A> = A extends Tensor ? Tensor : { [K in keyof A]: Tensor }

/**
 * The gradient of a function's result with respect to its first argument (a tensor, or a record of tensors: parameters).
 * A result with more than one element is summed first; since samples do not see each other, the sum over the batch
 * gives every sample's own gradient at once. The gradient function is traced like any other, so it can be
 * differentiated again.
 *
 * @example grad((x) => crossEntropy(model(x), y))(x)   // shape of x
 * @throws NoGradientError if an operator on the way has no rule
 */
export function grad<A extends Arguments>(
  f: (...args: A) => Tensor,
  options: GradOptions = {},
): (...args: A) => GradientOf<A[0]> {
  return (...args) => valueAndGrad(f, options)(...args).gradient
}

/** Like grad, and the function's value with it, at the price of one forward pass. */
export function valueAndGrad<A extends Arguments>(
  f: (...args: A) => Tensor,
  options: GradOptions = {},
): (...args: A) => { value: Tensor; gradient: GradientOf<A[0]> } {
  return (...args) => {
    const value = f(...args)
    return { value, gradient: gradientOf(value, args[0]!, options) as GradientOf<A[0]> }
  }
}

/**
 * Gradients of an already traced value with respect to a tensor, or to each tensor of a record, of the
 * same shapes; zeros where the value does not depend on it.
 */
export function gradientOf<T extends Tensor | Readonly<Record<string, Tensor>>>(
  value: Tensor,
  wrt: T,
  options: DifferentiateOptions = {},
): GradientOf<T> {
  if (wrt instanceof Tensor)
    return (differentiate(value, [wrt], options)[0] ?? zerosLike(wrt)) as GradientOf<T>
  const names = Object.keys(wrt)
  const tensors = names.map((name) => (wrt as Record<string, Tensor>)[name]!)
  const gradients = differentiate(value, tensors, options)
  return Object.fromEntries(
    names.map((name, i) => [name, gradients[i] ?? zerosLike(tensors[i]!)]),
  ) as GradientOf<T>
}
