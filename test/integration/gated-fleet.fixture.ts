import type { Hold } from '@latchkey/testing'
import { type Fleet, startFleet } from './fleet.fixture.ts'
import { type Gate, GatedStore } from './gated-store.fixture.ts'
import type { HarnessSetup } from './harness.fixture.ts'

/** Two processes over one store whose commands can be stopped. */
export interface Gated {
  readonly fleet: Fleet
  readonly store: GatedStore
}

/** Starts both. */
export async function startGated(setup: Omit<HarnessSetup, 'servers' | 'options'> = {}): Promise<Gated> {
  let store: GatedStore | undefined
  const fleet = await startFleet(2, setup, (_place, { servers, probe }) => {
    store ??= new GatedStore(servers.clock, probe.store)
    return { store: store.store }
  })
  if (store === undefined) throw new Error('The fleet is empty.')
  return { fleet, store }
}

/** A hold of an emulated server as a gate. */
export function gateOf(hold: Hold): Gate {
  return { arrived: hold.arrived, open: () => hold.release() }
}
