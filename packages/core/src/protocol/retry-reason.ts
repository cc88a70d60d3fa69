import type { TransportFault } from '../transport/transport.ts'
import type { RetryReason } from './token.ts'

/** What a fault of the transport means to the caller. */
export const reasonOfFault: Readonly<Record<TransportFault, RetryReason>> = {
  connect: 'network',
  cut: 'network',
  timeout: 'timeout',
  too_large: 'garbage',
  encoding: 'garbage',
}

const timingReasons: Readonly<Record<number, RetryReason>> = {
  408: 'timeout',
  425: 'server_error',
  429: 'rate_limited',
}

/** Why a 4xx is about the moment and not about the request; `undefined`: it is about the request. */
export function timingReason(status: number): RetryReason | undefined {
  return timingReasons[status]
}
