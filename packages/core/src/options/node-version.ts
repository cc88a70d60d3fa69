import type { Logger } from '../log.ts'

/** The oldest Node that Latchkey is tested on, as package.json names it. */
export const oldestNode = '22.19'

/**
 * Warns when Node is older than Latchkey needs: failures there would look like faults of the app.
 * @param version like `process.versions.node`.
 */
export function warnOfOldNode(version: string, log: Logger): void {
  if (!isOldNode(version)) return
  log.warn(
    { event: 'options.node_version', version },
    `Latchkey needs Node ${oldestNode} or newer, and this is ${version}. Upgrade Node.`,
  )
}

/** True for a version like `process.versions.node` that Latchkey is not tested on. */
export function isOldNode(version: string): boolean {
  return isOlder(version, oldestNode)
}

function isOlder(version: string, than: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [neededMajor = 0, neededMinor = 0] = than.split('.').map(Number)
  return major < neededMajor || (major === neededMajor && minor < neededMinor)
}
