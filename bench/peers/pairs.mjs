/**
 * Which calls of the field's libraries do the same as which attack of ours: one line a pair. A peer is `library.name` and its
 * options; norm and eps are given to every call that takes them.
 *
 * al = adversarial-library (adv-lib), fb = Foolbox, ta = torchattacks, art = Adversarial Robustness Toolbox, aa = auto-attack
 */

/**
 * @typedef {object} Pair
 * @property {string} ours an attack as text, as `saddle` takes it
 * @property {[call: string, options?: object][]} peers
 * @property {number} [images] at most so many, where a library takes minutes for a hundred
 */

const steps = 100
const cw = { binary_search_steps: 9, max_iterations: 1000 }
const ead = { binary_search_steps: 9, steps: 1000, decision_rule: 'L1' }

/** @type {Record<string, Pair[]>} by norm */
export const minimumNorm = {
  l2: [
    {
      ours: 'ddn:steps=100',
      peers: [
        ['al.ddn', { steps, levels: null }],
        ['fb.DDNAttack', { steps }],
      ],
    },
    { ours: 'ddn:steps=1000', peers: [['al.ddn', { steps: 1000, levels: null }]] },
    {
      ours: 'fmn:steps=100',
      peers: [
        ['al.fmn', { steps }],
        ['fb.L2FMNAttack', { steps }],
      ],
    },
    { ours: 'fmn:steps=1000', peers: [['al.fmn', { steps: 1000 }]] },
    { ours: 'alma', peers: [['al.alma', { num_steps: 1000 }]] },
    { ours: 'pdpgd:steps=500', peers: [['al.pdpgd', { num_steps: 500 }]] },
    { ours: 'fab', peers: [['al.fab', { n_iter: 100 }]] },
    { ours: 'deepfool', peers: [['al.df'], ['fb.L2DeepFoolAttack'], ['ta.DeepFool'], ['art.DeepFool']] },
    { ours: 'superdeepfool', peers: [['al.sdf']] },
    {
      ours: 'cw',
      peers: [['al.carlini_wagner_l2', cw], ['ta.CW'], ['art.CarliniL2Method']],
      images: 20,
    },
  ],
  linf: [
    { ours: 'fmn:steps=1000', peers: [['al.fmn', { steps: 1000 }]] },
    {
      ours: 'fmn:steps=100',
      peers: [
        ['al.fmn', { steps }],
        ['fb.LInfFMNAttack', { steps }],
      ],
    },
    { ours: 'pdpgd:steps=500', peers: [['al.pdpgd', { num_steps: 500 }]] },
    { ours: 'fab', peers: [['al.fab', { n_iter: 100 }]] },
    { ours: 'deepfool', peers: [['al.df'], ['fb.LinfDeepFoolAttack']] },
  ],
  l1: [
    { ours: 'fmn:steps=1000', peers: [['al.fmn', { steps: 1000 }]] },
    {
      ours: 'fmn:steps=100',
      peers: [
        ['al.fmn', { steps }],
        ['fb.L1FMNAttack', { steps }],
      ],
    },
    { ours: 'alma', peers: [['al.alma', { num_steps: 1000 }]] },
    { ours: 'pdpgd:steps=500', peers: [['al.pdpgd', { num_steps: 500 }]] },
    { ours: 'fab', peers: [['al.fab', { n_iter: 100 }]] },
    { ours: 'ead', peers: [['fb.EADAttack', ead], ['ta.EADL1']], images: 20 },
  ],
  l0: [
    { ours: 'sigma-zero:steps=1000', peers: [['al.sigma_zero']] },
    { ours: 'fmn:steps=1000', peers: [['al.fmn', { steps: 1000 }]] },
    { ours: 'pdpgd:steps=500', peers: [['al.pdpgd', { num_steps: 500 }]] },
  ],
}

const pgd40 = {
  al: ['al.pgd_linf', { steps: 40, absolute_step_size: 0.01, random_init: false }],
  fb: ['fb.LinfProjectedGradientDescentAttack', { steps: 40, abs_stepsize: 0.01, random_start: false }],
  ta: ['ta.PGD', { steps: 40, alpha: 0.01, random_start: false }],
  art: ['art.ProjectedGradientDescentPyTorch', { max_iter: 40, eps_step: 0.01, num_random_init: 0 }],
}
const mim10 = [
  ['fb.LinfMomentumIterativeFastGradientMethod', { steps: 10, rel_stepsize: 0.1 }],
  ['ta.MIFGSM', { steps: 10, alpha: 0.03 }],
  ['art.MomentumIterativeMethod', { max_iter: 10, eps_step: 0.03 }],
]
const apgdCe = { n_iter: 100, loss_function: 'ce' }
const apgdT = { n_iter: 100 }

/** @type {Record<string, { eps: number, pairs: Pair[] }>} by norm */
export const fixedEps = {
  linf: {
    eps: 0.3,
    pairs: [
      { ours: 'pgd:steps=40,stepSize=0.01,randomStart=false', peers: Object.values(pgd40) },
      { ours: 'mim:steps=10', peers: mim10 },
      { ours: 'apgd-ce', peers: [['aa.apgd-ce'], ['al.apgd', apgdCe], ['ta.APGD', { steps }]] },
      { ours: 'apgd-t', peers: [['aa.apgd-t'], ['al.apgd_targeted', apgdT], ['ta.APGDT', { steps }]] },
      { ours: 'fab-t', peers: [['aa.fab-t']] },
      { ours: 'square:queries=5000,rescale=false', peers: [['aa.square']] },
    ],
  },
  l2: {
    eps: 1.5,
    pairs: [
      { ours: 'apgd-ce', peers: [['aa.apgd-ce'], ['al.apgd', apgdCe], ['ta.APGD', { steps }]] },
      { ours: 'apgd-t', peers: [['aa.apgd-t'], ['al.apgd_targeted', apgdT]] },
      { ours: 'fab-t', peers: [['aa.fab-t']] },
      { ours: 'square:queries=5000,rescale=false', peers: [['aa.square']] },
    ],
  },
  l1: {
    eps: 10,
    pairs: [
      {
        ours: 'apgd-ce:restarts=5',
        peers: [['aa.apgd-ce'], ['al.apgd', { ...apgdCe, n_restarts: 5, use_large_reps: true }]],
      },
      { ours: 'apgd-t:targetClasses=5', peers: [['aa.apgd-t']] },
    ],
  },
}

/** The stages of AutoAttack's standard version (Croce & Hein 2020, section 5), as our preset has them. */
export const standard = {
  norm: 'linf',
  eps: 0.3,
  stages: [['aa.apgd-ce'], ['aa.apgd-t'], ['aa.fab-t'], ['aa.square']],
}

/** Whole runs that are timed. */
export const timed = {
  'PGD-40': {
    norm: 'linf',
    eps: 0.3,
    ours: 'pgd:steps=40,stepSize=0.01,randomStart=false',
    peers: Object.values(pgd40),
  },
  'APGD-100': {
    norm: 'linf',
    eps: 0.3,
    ours: 'apgd-ce',
    peers: [['aa.apgd-ce'], ['al.apgd', apgdCe], ['ta.APGD', { steps }]],
  },
  'DDN-100': {
    norm: 'l2',
    ours: 'ddn:steps=100',
    peers: [
      ['al.ddn', { steps, levels: null }],
      ['fb.DDNAttack', { steps }],
    ],
  },
  'Square-1000': {
    norm: 'linf',
    eps: 0.3,
    ours: 'square:queries=1000,rescale=false',
    peers: [
      ['aa.square', { n_queries: 1000 }],
      ['ta.Square', { n_queries: 1000 }],
    ],
  },
}
