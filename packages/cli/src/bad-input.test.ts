/** Whatever is wrong with what a user gives: exit code 2, one line that says what, and nothing else. */
import { float32, int64 } from '@saddlepoint/autodiff'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  linear,
  model,
  node,
  noise,
  saddle,
  saddleJson,
  temporary,
  workplace,
  writeData,
} from './saddle.test.kit.ts'

let folder: string
const at = (name: string) => join(folder, name)

const evaluate = [
  'evaluate',
  'model.onnx',
  '--data',
  'data',
  '--eps',
  '0.1',
  '--attack',
  'fgsm',
  '--no-report',
]
/** The evaluate command with some of its arguments replaced, by flag or, for the model, by position. */
function but(changes: Readonly<Record<string, string | undefined>>): string[] {
  const args = [...evaluate]
  for (const [flag, value] of Object.entries(changes)) {
    if (flag === 'model') args[1] = value!
    else {
      const found = args.indexOf(flag)
      if (found >= 0) args.splice(found, 2)
      if (value !== undefined) args.push(flag, value)
    }
  }
  return args
}

const identity = node('Identity', 'x', 'y')

beforeAll(async () => {
  folder = await workplace()
  const whole = model(linear)
  writeFileSync(at('truncated.onnx'), whole.subarray(0, whole.length / 2))
  writeFileSync(
    at('random.onnx'),
    Uint8Array.from({ length: 400 }, (_, i) => (i * 7919 + 13) & 255),
  )
  writeFileSync(at('empty.onnx'), '')
  writeFileSync(at('truncated.onnx.gz'), Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0))
  writeFileSync(at('integers.onnx'), model({ type: 'int64', nodes: [node('Cast', 'x', 'y', { to: 1 })] }))
  writeFileSync(at('image.onnx'), model({ nodes: [identity] }))
  const det = [
    node('Reshape', 'x square', 'squares'),
    node('Det', 'squares', 'det'),
    node('Reshape', 'det column', 'columns'),
    node('MatMul', 'columns row', 'y'),
  ]
  const shapes = {
    square: int64([3], [-1, 4, 4]),
    column: int64([2], [-1, 1]),
    row: float32([1, 3], [1, 2, 3]),
  }
  writeFileSync(at('det.onnx'), model({ nodes: det, initializers: shapes }))
  writeFileSync(at('broken.saddle.json'), '{')
  writeFileSync(at('broken.onnx'), whole)
  writeFileSync(at('odd.saddle.json'), '{"means": [1]}')
  writeFileSync(at('odd.onnx'), whole)
  writeFileSync(at('gone.onnx'), external('weights.bin'))
  writeFileSync(at('outside.onnx'), external('../weights.bin'))
  const elsewhere = temporary()
  writeFileSync(join(elsewhere, 'secret.bin'), new Uint8Array(192))
  symlinkSync(join(elsewhere, 'secret.bin'), at('link.bin'))
  writeFileSync(at('linked.onnx'), external('link.bin'))
  mkdirSync(at('void'))
  mkdirSync(at('other'))
  writeFileSync(at('other/index.html'), 'mine')
  await writeData(at('labels'), [6, 1, 4, 4], [0, 1, 2, 3, 0, 1])
  writeFileSync(at('notes.txt'), 'no data')
  writeFileSync(at('table.csv'), 'a,b,label\n0.1,0.2,0\n')
})

/** The linear model with its weights said to be in another file: the raw bytes of `w` replaced by a location. */
function external(location: string): Uint8Array {
  const encode = (text: string) => Array.from(new TextEncoder().encode(text))
  const field = (number: number, bytes: readonly number[]) => [(number << 3) | 2, bytes.length, ...bytes]
  const pair = (key: string, value: string) =>
    field(13, [...field(1, encode(key)), ...field(2, encode(value))])
  // TensorProto: dims 16 and 3, float, a name, an external location, data_location = EXTERNAL.
  const tensor = [8, 16, 8, 3, 16, 1, ...field(8, encode('w')), ...pair('location', location), 112, 1]
  const bytes = model({ nodes: linear.nodes, initializers: { b: linear.initializers.b } })
  // A message may come in parts: this graph (field 7 of the model) is merged into the one before it.
  return Uint8Array.from([...bytes, ...field(7, field(5, tensor))])
}

const cases: readonly (readonly [string, () => string[], RegExp])[] = [
  ['a truncated model', () => but({ model: 'truncated.onnx' }), /truncated\.onnx: /],
  ['random bytes', () => but({ model: 'random.onnx' }), /random\.onnx: /],
  ['an empty model', () => but({ model: 'empty.onnx' }), /empty\.onnx: .*empty/i],
  ['a broken gzip', () => but({ model: 'truncated.onnx.gz' }), /gzip/],
  ['a missing model', () => but({ model: 'nowhere.onnx' }), /nowhere\.onnx: no such model file/],
  ['a folder for a model', () => but({ model: 'data' }), /folder/],
  ['no model', () => ['evaluate'], /no model given/],
  ['no float input', () => but({ model: 'integers.onnx' }), /no float input/],
  ['no gradient', () => but({ model: 'det.onnx' }), /Det \(node det_det\).*det_det → .*matmul_y/],
  [
    'scores of the wrong form',
    () => but({ model: 'image.onnx' }),
    /"y".*\[N, 1, 4, 4\].*not one row of scores/,
  ],
  ['a broken sidecar', () => but({ model: 'broken.onnx' }), /broken\.saddle\.json: not valid JSON/],
  ['an unknown convention', () => but({ model: 'odd.onnx' }), /odd\.saddle\.json: .*means/],
  ['external data missing', () => but({ model: 'gone.onnx' }), /weights\.bin.*no such file/i],
  ['external data outside', () => but({ model: 'outside.onnx' }), /escapes the model's folder/],
  ['external data by a link', () => but({ model: 'linked.onnx' }), /outside the model's folder/],
  ['data of another shape', () => but({ '--data': 'table.csv' }), /samples are \[2\].*\[N, 1, 4, 4\]/],
  ['labels out of range', () => but({ '--data': 'labels' }), /label 3 of sample 3.*3 classes/],
  ['an empty folder', () => but({ '--data': 'void' }), /void: the folder is empty/],
  ['missing data', () => but({ '--data': 'nowhere' }), /nowhere/],
  ['no data', () => but({ '--data': undefined }), /no data given/],
  ['data of no known form', () => but({ '--data': 'notes.txt' }), /no known form/],
  ['a split that is not there', () => but({ '--split': 'train' }), /no train split/],
  [
    'a set that is not here',
    () => but({ '--data': 'cifar10' }),
    /cifar10 is not on this machine.*SADDLE_DATA/,
  ],
  ['eps 0', () => but({ '--eps': '0' }), /0 is no radius/],
  ['negative eps', () => but({ '--eps': '-0.1' }), /-0\.1 is no radius/],
  ['eps in words', () => but({ '--eps': 'small' }), /"small" is not a number.*8\/255/],
  ['eps divided by 0', () => but({ '--eps': '1/0' }), /"1\/0" is not a number/],
  ['an empty eps', () => but({ '--eps': '' }), /--eps is empty/],
  ['no eps', () => but({ '--eps': undefined }), /no eps given/],
  ['an unknown norm', () => but({ '--norm': 'l7' }), /no norm "l7".*linf/],
  ['a norm of every object', () => but({ '--norm': 'constructor' }), /no norm "constructor"/],
  [
    'attacks on different sets',
    () => but({ '--norm': undefined, '--attack': 'rotation pgd' }),
    /rotation, pgd do not share a perturbation set/,
  ],
  [
    'an attack on another set',
    () => but({ '--attack': 'flow', '--norm': 'l2' }),
    /flow is for flow, not for l2/,
  ],
  ['a latent set without a generator', () => but({ '--norm': 'latent' }), /needs a generator.*--decoder/],
  [
    'a generator for nothing',
    () => but({ '--decoder': 'd.onnx' }),
    /--decoder and --encoder are for the latent set/,
  ],
  ['an unknown attack', () => but({ '--attack': 'magic' }), /no attack "magic".*pgd/],
  ['an unknown option', () => but({ '--attack': 'pgd:step=3' }), /pgd: no option step; it has .*steps/],
  ['a bad option value', () => but({ '--attack': 'pgd:steps=-3' }), /pgd: option steps: /],
  ['an option without value', () => but({ '--attack': 'pgd:steps' }), /"steps" is not written option=value/],
  ['an unknown loss', () => but({ '--attack': 'pgd:loss=hinge' }), /hinge/],
  ['an unknown criterion', () => but({ '--criterion': 'fooled' }), /unknown criterion "fooled"/],
  ['a confidence above 1', () => but({ '--criterion': 'confident:2' }), /between 0 and 1/],
  ['a target that is no class', () => but({ '--target': '3' }), /--target 3.*3 classes/],
  ['a target for a class that is none', () => but({ '--target': '0:2,1:7' }), /--target 7.*3 classes/],
  [
    'pairs of targets that are none',
    () => but({ '--target': '0:2:1' }),
    /--target 0:2:1 is no class.*3:5,7:1/,
  ],
  [
    'more classes than there are',
    () => but({ '--criterion': 'top-k:3' }),
    /top-k:3 cannot be met.*3 classes/,
  ],
  ['an option that a loss does not have', () => but({ '--attack': 'pgd:loss=margin:k=1' }), /margin:kappa=5/],
  ['a layer that there is not', () => but({ '--attack': 'pgd:loss=features:layer=no' }), /no layer "no"/],
  [
    'a loss without a target',
    () => but({ '--attack': 'pgd:loss=kl', '--target': '1' }),
    /not towards a target/,
  ],
  [
    'a substitute that is not there',
    () => but({ '--substitute': 'nowhere.onnx' }),
    /nowhere\.onnx: no such model file/,
  ],
  ['an ensemble of one model', () => but({ '--attack': 'ensemble' }), /several models at once/],
  ['a limit of 0', () => but({ '--limit': '0' }), /"0" is not a number of at least 1/],
  [
    'a mean per channel too many',
    () => but({ '--mean': '0.1,0.2' }),
    /2 values of mean or std for 1 channel/,
  ],
  ['a range that shrinks', () => but({ '--input-range': '1..0' }), /range must grow/],
  ['a size that is none', () => but({ '--resize': 'big' }), /--resize 'big' is not a size/],
  ['an unknown flag', () => [...evaluate, '--ebs', '1'], /unknown option '--ebs'/],
  ['a folder in use', () => but({ '--out': 'other' }), /other is in use/],
  ['a folder that holds no run', () => ['evaluate', '--resume', 'data'], /data is not the folder of a run/],
  ['grad without a rule', () => ['grad', 'det.onnx', '-o', 'g.onnx'], /Det \(node det_det\)/],
  ['grad by what is not there', () => ['grad', 'model.onnx', '-o', 'g.onnx', '--wrt', 'v'], /named "v"/],
  ['grad into a missing place', () => ['grad', 'model.onnx', '-o', 'notes.txt/g.onnx'], /cannot write/],
  ['inspect of nothing', () => ['inspect', 'nowhere.onnx'], /no such model file/],
  ['attacks of no name', () => ['attacks', 'magic'], /no attack "magic".*pgd/],
  ['attack on no picture', () => ['attack', 'model.onnx', 'notes.txt', '--eps', '0.1'], /none of the inputs/],
  [
    'attack at several eps',
    () => ['attack', 'model.onnx', 'x.png', '--eps', '0.1 0.2'],
    /one norm and one eps/,
  ],
  ['data of no name', () => ['data', 'nowhere'], /nowhere.*built-in sets: /],
]

const environment = { SADDLE_DATA: '/nonexistent' }

describe.concurrent('a mistake is one line and exit code 2', () => {
  test.each(cases)('%s', async (_, args, expected) => {
    const { code, stdout, stderr } = await saddle([...args(), '--json'], { cwd: folder, env: environment })
    const errors = stderr.split('\n').filter((line) => line.startsWith('error:'))
    expect(errors, stderr).toHaveLength(1)
    expect(errors[0]).toMatch(expected)
    expect(stderr).not.toMatch(/^\s+at /m)
    expect(stderr).not.toContain('--debug')
    expect(stdout).toBe('')
    expect(code).toBe(2)
  })
})

test('--debug shows where an error came from', async () => {
  const { stderr } = await saddle([...but({ model: 'random.onnx' }), '--debug'], { cwd: folder })
  expect(stderr).toMatch(/^error: .*\n(.*\n)+\s+at /)
})

test('a mistake leaves nothing behind', () => {
  expect(existsSync(at('runs')) ? readdirSync(at('runs')) : []).toEqual([])
  expect(existsSync(at('g.onnx'))).toBe(false)
  expect(readFileSync(at('other/index.html'), 'utf8')).toBe('mine')
})

interface Result {
  cleanAccuracy: number
  data: { samples: number; skipped: unknown[] }
  model: { notices: string[] }
}

test('NaN weights are said out loud, and count as wrong', async () => {
  const weights = linear.initializers.w.data.slice()
  weights[5] = Number.NaN
  writeFileSync(
    at('nan.onnx'),
    model({
      nodes: linear.nodes,
      initializers: { ...linear.initializers, w: float32([16, 3], weights as Float32Array) },
    }),
  )
  const { code, stdout, stderr } = await saddle([...but({ model: 'nan.onnx' }), '--json'], { cwd: folder })
  expect(code).toBe(0)
  expect(stderr).toMatch(/nan\.onnx has weights that are no numbers/)
  const result = JSON.parse(stdout) as Result
  expect(result.cleanAccuracy).toBe(0)
  expect(result.model.notices.join()).toMatch(/"w" holds 1 value that is NaN/)
})

test('an unreadable picture among good ones is counted and left out', async () => {
  const pictures = at('pictures')
  for (const [i, name] of ['0/a.png', '0/b.png', '1/c.png', '2/d.png'].entries()) {
    mkdirSync(join(pictures, name, '..'), { recursive: true })
    const pixels = Uint8Array.from(noise(16, i), (v) => (v + 1) * 127)
    await sharp(pixels, { raw: { width: 4, height: 4, channels: 1 } })
      .png()
      .toFile(join(pictures, name))
  }
  writeFileSync(join(pictures, '1', 'broken.png'), readFileSync(join(pictures, '0/a.png')).subarray(0, 40))
  const args = but({ '--data': 'pictures' })
  const result = await saddleJson<Result>(args, { cwd: folder })
  expect(result.data).toMatchObject({ samples: 4, skipped: [{ file: '1/broken.png' }] })
})

test('a full disk is an error, and no half file stays', async ({ skip }) => {
  const small = temporary()
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16k', 'tmpfs', small], { stdio: 'ignore' })
  } catch {
    console.warn('SKIPPED: no small file system can be mounted here (that takes root)')
    skip()
  }
  try {
    writeFileSync(join(small, 'filler'), new Uint8Array(16_384))
    const written = await saddle(['grad', 'model.onnx', '-o', join(small, 'g.onnx')], { cwd: folder })
    expect(written.stderr).toMatch(/^error: cannot write .*g\.onnx: the disk is full/m)
    expect(written.code).toBe(2)
    const ran = await saddle([...evaluate, '--out', join(small, 'run')], { cwd: folder })
    expect(ran.stderr).toMatch(/^error: cannot .*: the disk is full/m)
    expect(ran.code).toBe(2)
    const left = execFileSync('find', [small, '-name', '*.tmp']).toString()
    expect(left).toBe('')
  } finally {
    execFileSync('umount', [small])
  }
})
