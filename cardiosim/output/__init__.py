"""What a run leaves behind: results folder, fields for ParaView, pictures."""
