/** A before/after figure as one SVG file: original, perturbation × gain, adversarial, with what the model says of each. */
import sharp from 'sharp'

export interface Ranked {
  readonly label: number
  readonly name?: string
  readonly probability: number
}

export interface FigureInput {
  readonly title: string
  /** [channels, height, width], 1 or 3 channels. */
  readonly shape: readonly [number, number, number]
  readonly original: Float32Array
  readonly adversarial: Float32Array
  readonly before: readonly Ranked[]
  readonly after: readonly Ranked[]
}

/** Side of a panel in pixels, space between panels, and height of a line of text. */
const SIDE = 224
const GAP = 24
const LINE = 18

export async function figure(f: FigureInput): Promise<string> {
  const [, height, width] = f.shape
  const scale = SIDE / Math.max(height, width)
  const [w, h] = [Math.round(width * scale), Math.round(height * scale)]
  const change = f.adversarial.map((v, i) => v - f.original[i]!)
  const peak = change.reduce((most, v) => Math.max(most, Math.abs(v)), 0)
  // Fills the range around grey, in a factor that can be read at a glance.
  const gain = peak > 0 ? Number((0.5 / peak).toPrecision(2)) : 1
  const pictures = [f.original, change.map((v) => 0.5 + v * gain), f.adversarial]
  const titles = ['original', `perturbation × ${gain}`, 'adversarial']
  const texts = [f.before, [], f.after]
  const sources = await Promise.all(pictures.map((p) => dataUri(p, f.shape)))
  const lines = Math.max(f.before.length, f.after.length)
  const total = { width: 3 * w + 4 * GAP, height: 2 * GAP + LINE + h + GAP + lines * LINE }
  const panels = sources.map((source, i) => {
    const x = GAP + i * (w + GAP)
    const y = GAP + LINE
    const rows = texts[i]!.map((r, k) => text(x, y + h + GAP + k * LINE, caption(r), k === 0))
    const rendering = scale > 1 ? ' style="image-rendering:pixelated"' : ''
    return [
      text(x, y - 8, titles[i]!, false),
      `<image x="${x}" y="${y}" width="${w}" height="${h}" href="${source}"${rendering}/>`,
      ...rows,
    ].join('\n')
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${total.width} ${total.height}" width="${total.width}" height="${total.height}" font-family="system-ui, sans-serif" font-size="13">`,
    `<title>${escape(f.title)}</title>`,
    '<rect width="100%" height="100%" fill="#ffffff"/>',
    ...panels,
    '</svg>\n',
  ].join('\n')
}

function caption({ label, name, probability }: Ranked): string {
  const shown = name ?? `class ${label}`
  return `${(probability * 100).toFixed(1)} % ${shown.length > 24 ? `${shown.slice(0, 23)}…` : shown}`
}

const text = (x: number, y: number, content: string, strong: boolean) =>
  `<text x="${x}" y="${y}" fill="#1a1a1a"${strong ? ' font-weight="600"' : ''}>${escape(content)}</text>`

const escape = (content: string) =>
  content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')

async function dataUri(
  values: Float32Array,
  [channels, height, width]: FigureInput['shape'],
): Promise<string> {
  const size = height * width
  const pixels = new Uint8Array(channels * size)
  for (let c = 0; c < channels; c++)
    for (let i = 0; i < size; i++)
      pixels[i * channels + c] = Math.round(Math.min(1, Math.max(0, values[c * size + i]!)) * 255)
  const raw = { width, height, channels: channels as 1 | 3 }
  const png = await sharp(pixels, { raw }).png().toBuffer()
  return `data:image/png;base64,${png.toString('base64')}`
}
