/** One body to deliver, the same for every contender. */
export interface Job {
  seq: number
  url: string
  /** 1 024 bytes of JSON. */
  body: string
}

/** Jobs are spread evenly over this many paths (for ours: endpoints), so that no contender's limit per destination is what is measured. */
export const DESTINATIONS = 100
const BODY_BYTES = 1_024

/** `count` numbered jobs for the sink at `origin`. */
export function makeJobs(count: number, origin: string): Job[] {
  return Array.from({ length: count }, (_, seq) => makeJob(seq, origin))
}

export function makeJob(seq: number, origin: string): Job {
  return { seq, url: `${origin}${destinationPath(seq % DESTINATIONS)}`, body: makeBody(seq) }
}

export function destinationPath(destination: number): string {
  return `/hooks/${destination}`
}

/** A JSON document of exactly 1 024 bytes (ASCII) that carries its number as `"seq":n`. */
export function makeBody(seq: number): string {
  const document = {
    seq,
    type: 'order.created',
    data: { id: `ord_${String(seq).padStart(12, '0')}`, amount: 129_900, currency: 'EUR', note: '' },
  }
  const missing = BODY_BYTES - JSON.stringify(document).length
  document.data.note = 'lorem ipsum dolor sit amet '.repeat(40).slice(0, missing)
  return JSON.stringify(document)
}
