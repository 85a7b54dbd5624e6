/** The gallery: what the model saw before, what was added, what it sees after. */
import type { EvaluationResult, GalleryItem } from 'saddlepoint'
import { className, normName, number, percent, radius } from './format.ts'
import { html, type Html } from './html.ts'
import { amplified, difference, drawable, gain, picture, size } from './png.ts'

// From about this width on a card shows a picture at its own size or smaller, where smooth scaling looks right.
const SMALL = 128

interface Ranked {
  readonly label: number
  readonly probability: number
}

const image = (source: string, alt: string, item: GalleryItem): Html => {
  const [, height, width] = item.shape
  const small = Math.max(height, width) <= SMALL
  return html`<img
    src="${source}"
    alt="${alt}"
    width="${width}"
    height="${height}"
    ${small && html` class="small"`}
  />`
}

const triptych = (item: GalleryItem, labels?: readonly string[]): Html => {
  if (!drawable(item.shape, item.original) || !drawable(item.shape, item.adversarial)) {
    return html`<p class="muted">Data of shape [${item.shape.join(', ')}] cannot be drawn as a picture.</p>`
  }
  const perturbation = difference(item.original, item.adversarial)
  const by = gain(perturbation)
  const name = className(item.label, labels)
  return html`<div class="pictures">
    <div>
      ${image(picture(item.original, item.shape), `Original of sample ${item.index}, ${name}`, item)}Original
    </div>
    <div>
      ${image(picture(amplified(perturbation, by), item.shape), `Perturbation times ${by}`, item)}Perturbation
      ${`×\u00a0${by}`}
    </div>
    <div>
      ${image(picture(item.adversarial, item.shape), `Adversarial of sample ${item.index}`, item)}Adversarial
    </div>
  </div>`
}

const ranking = (
  title: string,
  ranked: readonly Ranked[],
  truth: number,
  labels?: readonly string[],
): Html => {
  if (ranked.length === 0)
    return html`<div>
      <h4>${title}</h4>
      <p class="muted">Not recorded</p>
    </div>`
  const rows = ranked.slice(0, 5).map(({ label, probability }, place) => {
    const right = label === truth
    const kind = right ? 'true' : place === 0 ? 'fooled' : 'other'
    const width = Math.max(0, Math.min(100, probability * 100 || 0)).toFixed(1)
    const name = className(label, labels)
    return html`<li class="${kind}">
      <div class="line">
        <span title="${name}">${name}${right && ' ✓'}</span><span>${percent(probability)}</span>
      </div>
      <div class="bar" aria-hidden="true"><i style="width:${width}%"></i></div>
    </li>`
  })
  return html`<div>
    <h4>${title}</h4>
    <ol>
      ${rows}
    </ol>
  </div>`
}

const measured = (item: GalleryItem, result: EvaluationResult): number | undefined => {
  const sample = result.samples.find(({ index }) => index === item.index)
  const recorded = sample?.attacks[`${item.norm}:${item.eps}:${item.attack}`]?.size
  if (recorded !== undefined) return recorded
  if (item.original.length !== item.adversarial.length) return undefined
  return size(difference(item.original, item.adversarial), item.norm)
}

const card = (item: GalleryItem, result: EvaluationResult, labels?: readonly string[]): Html => {
  const before = item.before[0]?.label ?? item.label
  const after = item.after[0]?.label
  const found = measured(item, result)
  const to =
    after === before
      ? ', not changed'
      : ` → ${after === undefined ? 'not recorded' : className(after, labels)}`
  return html`<figure>
    <figcaption>
      <div class="what">${className(before, labels)}${to}</div>
      <div class="how">
        Sample ${item.index}${item.source !== undefined && html`, <span class="mono">${item.source}</span>`} ·
        true label ${className(item.label, labels)}
      </div>
      <div class="how">
        ${item.attack}, ${normName(item.norm)}, eps
        ${radius(item.eps)}${found !== undefined && ` · measured size ${number(found)}`}
      </div>
    </figcaption>
    ${triptych(item, labels)}
    <div class="tops">
      ${ranking('Before', item.before, item.label, labels)}${ranking('After', item.after, item.label, labels)}
    </div>
  </figure>`
}

/** The cards; nothing where there are none. */
export const gallery = (
  items: readonly GalleryItem[],
  result: EvaluationResult,
  labels?: readonly string[],
): Html | undefined =>
  items.length === 0
    ? undefined
    : html`<p class="muted small">
          Middle: what the attack added, times the gain printed below it; grey is zero. Pictures are rounded
          to 8 bits to be shown. ✓ marks the true class. Sizes are in the norm of the attack, for pictures in
          [0, 1].
        </p>
        <div class="gallery">${items.map((item) => card(item, result, labels))}</div>`
