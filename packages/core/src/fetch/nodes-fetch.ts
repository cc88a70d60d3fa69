const fetchAtStart = globalThis.fetch
/** Where Node's own fetch leads. */
const nodesImplementation = 'internal/deps/undici/undici'

/**
 * True for Node's own `fetch`. A tracer or a test that put another in its place, before or after this module was loaded,
 * wants to see every call.
 */
export function isNodesFetch(fetch: typeof globalThis.fetch): boolean {
  return fetch === fetchAtStart && isOwn
}

const isOwn = Function.prototype.toString.call(fetchAtStart).includes(nodesImplementation)
