"""Statistics of attacks: from what attacks guess right and wrong to statements about privacy that hold."""
