import { sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Where the time of a process went. */
export interface ProfileReport {
  /** Shares of the busy time, the largest first. */
  readonly packages: readonly Share[]
  readonly functions: readonly Share[]
}

/** One line of a {@link ProfileReport}. */
export interface Share {
  readonly name: string
  /** Of the time in which anything ran. */
  readonly share: number
}

/** The parts of V8's CPU profile that are read here. */
interface CpuProfile {
  readonly nodes: readonly ProfileNode[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

interface ProfileNode {
  readonly id: number
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  readonly children?: readonly number[]
}

const idle = '(idle)'

/** Sums up a CPU profile: time spent in functions themselves, by package and by function. */
export function readProfile(json: string): ProfileReport {
  const profile: CpuProfile = JSON.parse(json)
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]))
  const packages = new Map<string, number>()
  const functions = new Map<string, number>()
  let busy = 0
  for (const [index, id] of profile.samples.entries()) {
    const node = nodes.get(id)
    const micros = profile.timeDeltas[index] ?? 0
    if (node === undefined || node.callFrame.functionName === idle) continue
    busy += micros
    add(packages, packageOf(node), micros)
    add(functions, functionOf(node), micros)
  }
  return { packages: sharesOf(packages, busy), functions: sharesOf(functions, busy) }
}

/** The package that a function belongs to, by where its file lies. */
export function packageOf({ callFrame: { url, functionName } }: Pick<ProfileNode, 'callFrame'>): string {
  if (url === '') return functionName.startsWith('(') ? functionName : 'native code'
  if (url.startsWith('node:')) return `node:${url.slice('node:'.length).split('/').slice(0, 2).join('/')}`
  const path = pathOf(url)
  const [, installed] = /.*[\\/]node_modules[\\/]((?:@[^\\/]+[\\/])?[^\\/]+)/.exec(path) ?? []
  if (installed !== undefined) return installed.replaceAll('\\', '/')
  const [, own] = /[\\/]packages[\\/]([^\\/]+)[\\/](?:dist|src)[\\/]/.exec(path) ?? []
  return own === undefined ? 'the app itself' : `@latchkey/${own}`
}

function functionOf(node: ProfileNode): string {
  const { functionName, url, lineNumber } = node.callFrame
  if (url === '') return functionName
  const file = url.startsWith('node:') ? url : pathOf(url).split(sep).slice(-2).join('/')
  return `${functionName || '(anonymous)'}  ${packageOf(node)}  ${file}:${lineNumber + 1}`
}

function pathOf(url: string): string {
  return url.startsWith('file:') ? fileURLToPath(url) : url
}

function add(sums: Map<string, number>, name: string, micros: number): void {
  sums.set(name, (sums.get(name) ?? 0) + micros)
}

function sharesOf(sums: ReadonlyMap<string, number>, busy: number): readonly Share[] {
  return [...sums].map(([name, micros]) => ({ name, share: micros / busy })).sort((a, b) => b.share - a.share)
}
