export { assertDelivered, assertSigned, type DeliveredOptions, waitForDelivered } from './assertions.ts'
export { describeEnd, isAccepted, type ReceivedRequest, type RequestEnd } from './received-request.ts'
export {
  createReceiver,
  type Duplicate,
  Receiver,
  type ReceiverOptions,
  type WaitOptions,
} from './receiver.ts'
export type { Drip, Fault, Reply, Script } from './reply.ts'
