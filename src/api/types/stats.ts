/** `GET /containers/{id}/stats` of the Docker Engine API (v1.51): one object a second. Types only. */

export interface CpuStats {
  readonly cpu_usage: {
    /** Nanoseconds, as all times here. */
    readonly total_usage: number
    readonly percpu_usage?: readonly number[]
    readonly usage_in_kernelmode: number
    readonly usage_in_usermode: number
  }
  /** All processors of the machine, idle or not. */
  readonly system_cpu_usage?: number
  readonly online_cpus?: number
  readonly throttling_data: {
    readonly periods: number
    readonly throttled_periods: number
    readonly throttled_time: number
  }
}

export interface MemoryStats {
  readonly usage?: number
  readonly max_usage?: number
  /** memory.stat as the kernel has it. */
  readonly stats?: Readonly<Record<string, number>>
  readonly failcnt?: number
  /** The machine's memory when the container has none. */
  readonly limit?: number
}

export interface BlkioStatEntry {
  readonly major: number
  readonly minor: number
  readonly op: string
  readonly value: number
}

export interface BlkioStats {
  readonly io_service_bytes_recursive: readonly BlkioStatEntry[] | null
  readonly io_serviced_recursive: readonly BlkioStatEntry[] | null
}

export interface InterfaceStats {
  readonly rx_bytes: number
  readonly rx_packets: number
  readonly rx_errors: number
  readonly rx_dropped: number
  readonly tx_bytes: number
  readonly tx_packets: number
  readonly tx_errors: number
  readonly tx_dropped: number
}

/** Of one that does not run: name and id, everything else zero or absent. */
export interface ContainerStats {
  /** With a leading "/". */
  readonly name: string
  readonly id: string
  /** RFC 3339; "0001-01-01T00:00:00Z" when it does not run. */
  readonly read: string
  readonly preread: string
  readonly pids_stats: { readonly current?: number; readonly limit?: number }
  readonly blkio_stats: BlkioStats
  readonly num_procs: number
  readonly storage_stats: object
  readonly cpu_stats: CpuStats
  /** The sample before; zeroes in the first and in a one-shot. */
  readonly precpu_stats: CpuStats
  readonly memory_stats: MemoryStats
  /** By interface; absent with the host's network, or none. */
  readonly networks?: Readonly<Record<string, InterfaceStats>>
}
