import MeshClient
import MeshModel

/// Prints requested resources.
struct ResourceReading<Row: ResourceRow> {
  let global: GlobalOptions
  let output: OutputOptions
  var mesh = ""

  private var type: ResourceType { Row.type }

  /// Prints one resource.
  func one(_ name: String) async throws {
    let format = try output.format
    let client = try Session(global).client()
    let resource: Resource
    do {
      resource = try await client.get(ResourceKey(type: type, mesh: mesh, name: name))
    } catch {
      guard error.code == .notFound else { throw error.during("failed to get \(type.rawValue) \"\(name)\"") }
      throw CommandFailure(type.isMeshScoped ? "No resources found in \(mesh) mesh" : "No resources found")
    }
    Console.write(
      format == .table ? Table(rows: [Row(resource, now: Age.now)]).text : format.text(resource.withoutData))
  }

  /// Prints a list, with a hint when there is more.
  func list(_ paging: PagingOptions) async throws {
    let format = try output.format
    let client = try Session(global).client()
    let page: ResourcePage<Resource>
    do {
      page = try await client.list(type, mesh: mesh, page: PageRequest(size: paging.size, offset: paging.offset))
    } catch {
      throw error.during("failed to list \(type.rawValue)")
    }
    guard format == .table else {
      Console.write(format.text(list: page.items.map { $0.withoutData.document() }, total: page.total))
      return
    }
    let now = Age.now
    Console.write(Table(rows: page.items.map { Row($0, now: now) }).text)
    if let offset = page.nextOffset {
      Console.write("\nRerun command with --offset=\(offset) argument to retrieve more resources\n")
    }
  }
}
