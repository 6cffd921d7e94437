import type { RecorderObserver } from '../worker/recorder.ts'
import type { Announcer } from './announcer.ts'

/** An observer of a worker's writing that also announces: every delivery as a count, the rest as rows it wrote itself. */
export function announcing(observer: RecorderObserver, announcer: Announcer): RecorderObserver {
  return {
    onSettled(landing, final) {
      observer.onSettled(landing, final)
      announcer.count(landing.outcome.appId, 'deliveries', final)
      if (final === 'failed' || final === 'dead') announcer.changed()
    },
    onStale: () => observer.onStale(),
    onCircuit(endpointId, change) {
      observer.onCircuit(endpointId, change)
      announcer.changed()
    },
    onFlushed: () => observer.onFlushed(),
  }
}
