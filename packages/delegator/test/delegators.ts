import { afterEach } from 'vitest'
import {
  type CallableCapability,
  type Capability,
  createDelegator,
  type Delegator,
  type DelegatorOptions,
} from '../src/index.ts'
import { appWith, capability, directoryOf } from './apps.ts'
import { FakeDispatcher, type FakeReply } from './fake-dispatcher.ts'
import { RecordingLog } from './recording-log.ts'
import { VirtualTime } from './virtual-time.ts'

const closers: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** Closed after the test. */
export function closing<T extends { close(): Promise<void> }>(closable: T): T {
  closers.push(() => closable.close())
  return closable
}

/** A delegator in virtual time, over an app that plays these replies. */
export interface Staged {
  readonly time: VirtualTime
  readonly log: RecordingLog
  readonly dispatcher: FakeDispatcher
  readonly delegator: Delegator
}

/** See {@link Staged}. Further capabilities may stand beside the one that the replies are for. */
export function stage(
  replies: readonly FakeReply[],
  more: {
    readonly capability?: Partial<Capability>
    readonly others?: readonly CallableCapability[]
    readonly options?: Partial<DelegatorOptions>
  } = {},
): Staged {
  const time = new VirtualTime()
  const log = new RecordingLog()
  const dispatcher = new FakeDispatcher(time, replies)
  const app = appWith(capability({ url: 'https://app.example/', ...more.capability }), ...(more.others ?? []))
  const delegator = createDelegator({
    ...{ apps: directoryOf(app), dispatcher, log, clock: time, timers: time, random: () => 0 },
    ...more.options,
  })
  return { time, log, dispatcher, delegator }
}
